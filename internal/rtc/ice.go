package rtc

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

const (
	// maxPaths is how many addresses of one peer are known at once: a laptop on two networks, IPv4 and IPv6,
	// UDP and TCP has eight.
	maxPaths = 8
	// maxSTUN is the largest check taken in; honest ones have about a hundred bytes.
	maxSTUN = 1024
	// checksPerSecond bounds the checks of one peer: a browser sends about twenty a second while it connects.
	checksPerSecond = 100
	// nominationHolds is how long a nominated path is kept against a nominated one of lower priority: agents
	// with aggressive nomination flag all their pairs, and media should not hop between them.
	nominationHolds = time.Second
	// silentAfter is how long nothing may have come over the path in use before another one of the same local
	// candidate may take over without nomination: a viewer is heard ten times a second, or once; whoever
	// checks in meanwhile from elsewhere has been given another address by a NAT.
	silentAfter = 250 * time.Millisecond
	// strayAfter is the same for the peer's own media from elsewhere: longer than packets overtake each other.
	strayAfter = 100 * time.Millisecond
	// remembered is how many checks are known again if they are played back from elsewhere.
	remembered = 16
)

// session is one pair of ICE credentials of a peer. A restart makes another.
type session struct {
	peer   *Peer
	local  sdp.Credentials
	remote sdp.Credentials
	key    stun.MessageIntegrity
}

func newSession(p *Peer, remote sdp.Credentials) *session {
	s := &session{peer: p, remote: remote, local: sdp.Credentials{Ufrag: randomText(9), Pwd: randomText(24)}}
	s.key = stun.NewShortTermIntegrity(s.local.Pwd)
	return s
}

// randomText returns n random bytes in ice-chars; 9 bytes are 72 bits, 24 are 192 (RFC 8445 section 5.3 asks
// for 24 and 128).
func randomText(n int) string {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic("rtc: no randomness: " + err.Error())
	}
	return base64.RawStdEncoding.EncodeToString(b) // letters, digits, + and /
}

// agent is a peer's ICE-lite side: who may send, and where to.
type agent struct {
	selected atomic.Pointer[packetio.Path] // where media goes; nil before the first valid check
	voice    atomic.Int64                  // the media.Time of the last authentic packet over selected

	mu       sync.Mutex
	current  *session // of the last offer or restart
	previous *session // valid until current is nominated
	paths    []candidatePath
	chosen   candidatePath // what selected points at
	first    media.Time    // of the first valid check
	consent  media.Time    // of the last valid check
	checks   int           // in the second
	second   int64
	past     [remembered]pastCheck
	nextPast int
}

// pastCheck is a check that was taken, for knowing it again.
type pastCheck struct {
	id   [stun.TransactionIDSize]byte
	from packetio.Path
}

// candidatePath is a path that a valid check came over.
type candidatePath struct {
	path      packetio.Path
	priority  uint32
	seen      media.Time
	nominated media.Time // of the last USE-CANDIDATE, 0 if never
}

// stun serves a connectivity check (RFC 8445 section 7.3). Whatever is wrong with it gets no reply at all.
func (r *reader) stun(data []byte, from packetio.Path, now media.Time) {
	c := &r.t.counters
	m := &r.request
	if len(data) > maxSTUN || !stun.IsMessage(data) {
		c.StunMalformed.Add(1)
		return
	}
	m.Raw = append(m.Raw[:0], data...)
	if m.Decode() != nil {
		c.StunMalformed.Add(1)
		return
	}
	if m.Type != stun.BindingRequest {
		c.StunNotRequest.Add(1)
		return
	}
	check, ok := readCheck(m)
	if !ok {
		c.StunMalformed.Add(1)
		return
	}
	s := r.t.byUfrag.get(check.local)
	if s == nil || string(check.remote) != s.remote.Ufrag {
		c.StunNoUser.Add(1)
		return
	}
	known := s.peer != nil && r.t.byAddress.get(from) == s.peer
	if !known && r.t.failures.blocked(from.Remote(), now) {
		c.StunLimited.Add(1)
		return
	}
	if stun.Fingerprint.Check(m) != nil || s.key.Check(m) != nil {
		r.t.failures.fail(from.Remote(), now)
		c.StunBad.Add(1)
		return
	}
	if s.peer == nil { // a doorbell
		r.answer(s, from)
		return
	}
	if check.controlled {
		// Both sides controlled: we are lite, so the other one must control (RFC 8445 section 7.3.1.1).
		c.RoleConflicts.Add(1)
		r.respond(s, from, stun.BindingError, stun.CodeRoleConflict)
		return
	}
	switch s.peer.checked(s, from, check, now) {
	case tooMany:
		c.StunLimited.Add(1)
		return
	case playedBack:
		c.StunReplayed.Add(1)
		return
	case taken:
	}
	r.answer(s, from)
}

func (r *reader) answer(s *session, to packetio.Path) {
	r.respond(s, to, stun.BindingSuccess, &stun.XORMappedAddress{
		IP: to.Remote().Addr().AsSlice(), Port: int(to.Remote().Port()),
	})
}

// check is what a connectivity check says.
type check struct {
	id            [stun.TransactionIDSize]byte
	local, remote []byte // halves of the username
	priority      uint32
	nominates     bool
	controlled    bool
}

// readCheck reads the attributes that the integrity covers; what stands after it is nobody's word.
func readCheck(m *stun.Message) (c check, ok bool) {
	c.id = m.TransactionID
	for _, a := range m.Attributes {
		switch a.Type {
		case stun.AttrUsername:
			if c.local, c.remote, ok = bytes.Cut(a.Value, []byte(":")); !ok {
				return c, false
			}
		case stun.AttrPriority:
			if len(a.Value) != 4 {
				return c, false
			}
			c.priority = binary.BigEndian.Uint32(a.Value)
		case stun.AttrUseCandidate:
			c.nominates = true
		case stun.AttrICEControlled:
			c.controlled = true
		case stun.AttrMessageIntegrity:
			return c, len(a.Value) == 20 && len(c.local) > 0
		}
	}
	return c, false
}

// respond sends a reply, which is never larger than the request it answers.
func (r *reader) respond(s *session, to packetio.Path, kind stun.MessageType, attribute stun.Setter) {
	size := len(r.request.Raw)
	if r.reply.Build(stun.NewTransactionIDSetter(r.request.TransactionID), kind, attribute, s.key, stun.Fingerprint) != nil ||
		len(r.reply.Raw) > size {
		return
	}
	r.t.port.Send(to, r.reply.Raw)
	r.t.counters.StunAnswered.Add(1)
}

// verdict is what becomes of a valid check.
type verdict uint8

const (
	taken verdict = iota
	tooMany
	playedBack // from another address than it came from first
)

// checked takes a valid check.
func (p *Peer) checked(s *session, from packetio.Path, c check, now media.Time) verdict {
	a := &p.ice
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.State() > Connected { // asked under the lock, so that forget comes after
		return tooMany
	}
	if n := second(now); a.second != n {
		a.second, a.checks = n, 0
	}
	if a.checks++; a.checks > checksPerSecond {
		return tooMany
	}
	if !a.fresh(c.id, from) {
		return playedBack
	}
	if a.first == 0 {
		a.first = now
	}
	a.consent = now
	path := a.path(p, from, now)
	path.seen, path.priority = now, c.priority
	if c.nominates {
		path.nominated = now
		if s == a.current && a.previous != nil {
			p.t.byUfrag.remove(a.previous)
			a.previous = nil
		}
	}
	if a.prefers(path, now) {
		p.choose(*path)
	} else if a.chosen.path == from {
		a.chosen = *path
	}
	return taken
}

// fresh tells whether a check has not been seen from elsewhere before: a stranger who has overheard one could
// otherwise send it again from an address that is to be flooded. Honest agents give each check an id of its own.
func (a *agent) fresh(id [stun.TransactionIDSize]byte, from packetio.Path) bool {
	for i := range a.past {
		if a.past[i].id == id && !a.past[i].from.IsZero() {
			return a.past[i].from == from
		}
	}
	a.past[a.nextPast] = pastCheck{id: id, from: from}
	a.nextPast = (a.nextPast + 1) % remembered
	return true
}

// heard notes that a packet of the peer's own came over a path. Agents send media only over the pair they use
// themselves, so when the path in use has fallen silent and another one that has passed a check speaks, media
// follows. The caller holds rx.mu.
func (p *Peer) heard(from packetio.Path, now media.Time) {
	a := &p.ice
	selected := a.selected.Load()
	if selected == nil || *selected == from {
		a.voice.Store(int64(now))
		return
	}
	if now-media.Time(a.voice.Load()) <= strayAfter {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.silence(now) <= strayAfter {
		return
	}
	for i := range a.paths {
		if a.paths[i].path == from {
			p.choose(a.paths[i])
			a.voice.Store(int64(now))
			return
		}
	}
}

// leaveSilentPath moves media to the path that was checked last if the one in use has lost its consent: that is
// given for a path, not for a peer (RFC 7675 section 5.1).
func (p *Peer) leaveSilentPath(now media.Time) {
	a := &p.ice
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.chosen.path.IsZero() || now-a.chosen.seen <= p.t.options.ConsentTimeout {
		return
	}
	last := a.chosen
	for _, c := range a.paths {
		if c.seen > last.seen {
			last = c
		}
	}
	if last.path != a.chosen.path {
		p.choose(last)
	}
}

// silence returns for how long nothing authentic has come over the path in use; the caller holds mu.
func (a *agent) silence(now media.Time) time.Duration {
	return now - max(media.Time(a.voice.Load()), a.chosen.seen)
}

// path returns the entry of a path, after making one. The least recently seen path makes room.
func (a *agent) path(p *Peer, from packetio.Path, now media.Time) *candidatePath {
	oldest := -1
	for i := range a.paths {
		if a.paths[i].path == from {
			return &a.paths[i]
		}
		if a.paths[i].path != a.chosen.path && (oldest < 0 || a.paths[i].seen < a.paths[oldest].seen) {
			oldest = i
		}
	}
	entry := candidatePath{path: from, seen: now}
	p.t.byAddress.put(from, p)
	if len(a.paths) < maxPaths {
		a.paths = append(a.paths, entry)
		return &a.paths[len(a.paths)-1]
	}
	p.t.byAddress.remove(a.paths[oldest].path, p)
	a.paths[oldest] = entry
	return &a.paths[oldest]
}

// prefers tells whether media should move to the path that a check has just come over: the first valid one
// until one is nominated, then the nominated one, of several the one with the highest priority as long as it
// is still nominated. Without nomination it moves only to where the same local candidate shows up when the
// path in use has fallen silent: a NAT has given the client another address, or port, and agents that have
// nominated once do not do so again.
func (a *agent) prefers(path *candidatePath, now media.Time) bool {
	switch {
	case a.chosen.path.IsZero():
		return true
	case path.path == a.chosen.path:
		return false
	case path.nominated != now:
		return path.priority == a.chosen.priority && path.path.TCP() == a.chosen.path.TCP() && a.silence(now) > silentAfter
	case a.chosen.nominated == 0:
		return true
	}
	return path.priority >= a.chosen.priority || now-a.chosen.nominated > nominationHolds
}

// choose moves media to the path; the caller holds ice.mu.
func (p *Peer) choose(path candidatePath) {
	if !p.ice.chosen.path.IsZero() {
		p.t.counters.PathsChanged.Add(1)
	}
	p.ice.chosen = path
	p.ice.selected.Store(&path.path)
}

// lose forgets a path that has closed. Media goes on over the path seen last, if there is one.
func (p *Peer) lose(gone packetio.Path) {
	a := &p.ice
	a.mu.Lock()
	defer a.mu.Unlock()
	p.t.byAddress.remove(gone, p)
	var next *candidatePath
	kept := a.paths[:0]
	for _, c := range a.paths {
		if c.path != gone {
			kept = append(kept, c)
		}
	}
	a.paths = kept
	for i := range a.paths {
		if next == nil || a.paths[i].seen > next.seen {
			next = &a.paths[i]
		}
	}
	if a.chosen.path != gone {
		return
	}
	if next != nil {
		p.choose(*next)
		return
	}
	a.chosen = candidatePath{}
	a.selected.Store(nil)
}

// restart makes new credentials; the old ones go on working until a path is nominated with the new ones.
func (p *Peer) restart(remote sdp.Credentials) sdp.Credentials {
	a := &p.ice
	s := newSession(p, remote)
	a.mu.Lock()
	if a.previous != nil {
		p.t.byUfrag.remove(a.previous)
	}
	a.previous, a.current = a.current, s
	a.mu.Unlock()
	p.t.byUfrag.put(s)
	if p.State() > Connected { // closed meanwhile: forget did not see the new one
		p.t.byUfrag.remove(s)
	}
	return s.local
}

// forget takes the peer out of both indexes.
func (p *Peer) forget() {
	a := &p.ice
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.paths {
		p.t.byAddress.remove(c.path, p)
	}
	a.paths = nil
	for _, s := range []*session{a.current, a.previous} {
		if s != nil {
			p.t.byUfrag.remove(s)
		}
	}
}

// quiet returns how long ago the last valid check was, from since if there was none.
func (a *agent) quiet(since, now media.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now - max(a.consent, since)
}

// reached returns when the first valid check came, 0 if none has.
func (a *agent) reached() media.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.first
}
