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

	mu       sync.Mutex
	current  *session // of the last offer or restart
	previous *session // valid until current is nominated
	paths    []candidatePath
	chosen   candidatePath // what selected points at
	first    media.Time    // of the first valid check
	consent  media.Time    // of the last valid check
	checks   int           // in the second
	second   int64
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
	known := r.t.byAddress.get(from) == s.peer
	if !known && r.t.failures.blocked(from.Remote().Addr(), now) {
		c.StunLimited.Add(1)
		return
	}
	if stun.Fingerprint.Check(m) != nil || s.key.Check(m) != nil {
		r.t.failures.fail(from.Remote().Addr(), now)
		c.StunBad.Add(1)
		return
	}
	if check.controlled {
		// Both sides controlled: we are lite, so the other one must control (RFC 8445 section 7.3.1.1).
		c.RoleConflicts.Add(1)
		r.respond(s, from, stun.BindingError, stun.CodeRoleConflict)
		return
	}
	if !s.peer.checked(s, from, check, now) {
		c.StunLimited.Add(1)
		return
	}
	r.respond(s, from, stun.BindingSuccess, &stun.XORMappedAddress{
		IP: from.Remote().Addr().AsSlice(), Port: int(from.Remote().Port()),
	})
}

// check is what a connectivity check says.
type check struct {
	local, remote []byte // halves of the username
	priority      uint32
	nominates     bool
	controlled    bool
}

// readCheck reads the attributes that the integrity covers; what stands after it is nobody's word.
func readCheck(m *stun.Message) (c check, ok bool) {
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

// checked takes a valid check. It reports false if there are too many.
func (p *Peer) checked(s *session, from packetio.Path, c check, now media.Time) bool {
	a := &p.ice
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.State() > Connected { // asked under the lock, so that forget comes after
		return false
	}
	if n := second(now); a.second != n {
		a.second, a.checks = n, 0
	}
	if a.checks++; a.checks > checksPerSecond {
		return false
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
	return true
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

// prefers tells whether media should move to the path: the first valid one until one is nominated, then
// the nominated one, of several the one with the highest priority as long as it is still nominated.
func (a *agent) prefers(path *candidatePath, now media.Time) bool {
	switch {
	case a.chosen.path.IsZero():
		return true
	case path.path == a.chosen.path || path.nominated != now:
		return false
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
