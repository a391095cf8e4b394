package rtc

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

// silence is how long a test listens before it believes that nothing comes.
const silence = 100 * time.Millisecond

func (c *lean) wantSilence(what string) {
	c.t.Helper()
	if data, ok := c.read(silence); ok {
		c.t.Fatalf("%s: got an answer of %d bytes", what, len(data))
	}
}

// Row 18: bad checks are dropped without an answer.
func TestSTUN_BadChecksGetNoAnswer_Row18(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.join(tr, nil, "recvonly")
	good := c.request(true)
	build := func(setters ...stun.Setter) []byte {
		m, err := stun.Build(append([]stun.Setter{stun.BindingRequest, stun.TransactionID}, setters...)...)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	user := stun.NewUsername(c.remote.Ufrag + ":" + c.ice.Ufrag)
	integrity := stun.NewShortTermIntegrity(c.remote.Pwd)
	many := []stun.Setter{user}
	for range 200 {
		many = append(many, raw{0x7777, nil})
	}
	cases := map[string][]byte{
		"no attributes":         build(),
		"no integrity":          build(user, stun.Fingerprint),
		"no fingerprint":        build(user, integrity),
		"no username":           build(integrity, stun.Fingerprint),
		"wrong password":        build(user, stun.NewShortTermIntegrity(strings.Repeat("x", 32)), stun.Fingerprint),
		"swapped username":      build(stun.NewUsername(c.ice.Ufrag+":"+c.remote.Ufrag), integrity, stun.Fingerprint),
		"foreign half":          build(stun.NewUsername(c.remote.Ufrag+":other"), integrity, stun.Fingerprint),
		"no colon":              build(stun.NewUsername(c.remote.Ufrag), integrity, stun.Fingerprint),
		"huge username":         build(raw{stun.AttrUsername, bytes.Repeat([]byte("u"), 900)}, integrity, stun.Fingerprint),
		"zero-length integrity": build(user, raw{stun.AttrMessageIntegrity, nil}, stun.Fingerprint),
		"zero-length priority":  build(user, raw{stun.AttrPriority, nil}, integrity, stun.Fingerprint),
		"many attributes":       build(append(many, integrity, stun.Fingerprint)...)[:1100],
		"bad fingerprint":       flip(good, len(good)-1),
		"bad integrity":         flip(good, len(good)-20),
		"cut":                   good[:len(good)-3],
		"length lies":           flip(good, 3),
		"no cookie":             flip(good, 5),
		"indication":            build(stun.NewType(stun.MethodBinding, stun.ClassIndication)),
		"response":              build(stun.BindingSuccess),
		"allocate":              build(stun.NewType(stun.MethodAllocate, stun.ClassRequest)),
		"one byte":              {0},
	}
	for _, data := range cases {
		c.send(data)
	}
	c.wantSilence("bad checks")
	if n := tr.counters.StunAnswered.Load(); n != 0 {
		t.Fatalf("answered %d", n)
	}
	n := &tr.counters
	if got := n.StunMalformed.Load() + n.StunNotRequest.Load() + n.StunNoUser.Load() + n.StunBad.Load(); got != uint64(len(cases)) {
		t.Errorf("counted %d drops, want %d", got, len(cases))
	}
	c.check(true) // and the session is as good as before
}

func flip(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 1
	return out
}

// What stands behind the integrity is nobody's word.
func TestSTUN_AttributesBehindTheIntegrityAreIgnored(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.join(tr, nil, "recvonly")
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(c.remote.Ufrag+":"+c.ice.Ufrag),
		stun.NewShortTermIntegrity(c.remote.Pwd), raw{stun.AttrICEControlled, make([]byte, 8)},
		raw{stun.AttrUseCandidate, nil}, stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	c.send(m.Raw)
	eventually(t, "the check is answered", func() bool { return tr.counters.StunAnswered.Load() == 1 })
	c.peer.ice.mu.Lock()
	defer c.peer.ice.mu.Unlock()
	if tr.counters.RoleConflicts.Load() != 0 || c.peer.ice.chosen.nominated != 0 {
		t.Fatal("an unauthenticated attribute was believed")
	}
}

// Row 19: a flood of unknown names leaves nothing behind and disturbs nobody.
func TestSTUN_FloodOfRandomNamesCostsNothing_Row19(t *testing.T) {
	tr := serve(t, Options{})
	r := newReader(tr)
	request, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername("abcdefgh:ijkl"),
		raw{stun.AttrPriority, []byte{0, 0, 0, 1}}, stun.NewShortTermIntegrity("x"), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Clone(request.Raw)
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	from := c.path(tr)
	n := uint64(0)
	one := func() {
		n++
		binary.BigEndian.PutUint64(data[24:], n|0x3030303030303030)
		data[32] = ':'
		r.Read(data, from, media.Now())
	}
	one()
	before := tr.counters.StunNoUser.Load()
	if got := testing.AllocsPerRun(100_000, one); got != 0 {
		t.Errorf("%v allocations per request", got)
	}
	if got := tr.counters.StunNoUser.Load() - before; got < 100_000 {
		t.Errorf("%d of 100000 were dropped as unknown", got)
	}
	c.check(true)
}

// Rows 18 and 21: who fails too often is not even checked, unless the path has authenticated.
func TestSTUN_SourcesThatFailAreLimited_Row21(t *testing.T) {
	tr := serve(t, Options{})
	good, bad := newLean(t), newLean(t)
	good.connect(tr, nil, "recvonly")
	bad.join(tr, nil, "recvonly")
	broken := bad.request(true)
	broken = flip(broken, len(broken)-20)
	for range 3 * failuresPerSecond {
		bad.send(broken)
	}
	eventually(t, "failures are limited", func() bool { return tr.counters.StunLimited.Load() > 0 })
	if got := tr.counters.StunBad.Load(); got > 2*failuresPerSecond { // the second may have changed meanwhile
		t.Errorf("%d bad checks were computed", got)
	}
	good.check(true) // the same address, but a path that has proven itself
	// Relayed clients all come from this machine: one that fails is not in the way of the next.
	next := newLean(t)
	next.join(tr, nil, "recvonly")
	next.check(true)
}

// RFC 8445 section 7.3.1.1: we are lite, so the other side controls.
func TestSTUN_RoleConflictIsAnswered(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.join(tr, nil, "recvonly")
	c.send(c.request(true, raw{stun.AttrICEControlled, make([]byte, 8)}))
	data, ok := c.read(patience)
	if !ok {
		t.Fatal("no answer")
	}
	m := &stun.Message{Raw: data}
	var code stun.ErrorCodeAttribute
	if m.Decode() != nil || code.GetFrom(m) != nil || code.Code != stun.CodeRoleConflict {
		t.Fatalf("answer %v", m)
	}
}

// Row 20: a check with valid integrity moves the media, one without does not.
func TestPeer_FollowsARoamingClientAndNoHijacker_Row20(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	l := c.peer.Sink(media.Video)
	batch := tr.NewBatch()
	seq := uint16(0)
	arrives := func(what string) {
		t.Helper()
		seq++
		l.Write(batch, media.Header{Seq: seq}, []byte("hello"))
		batch.Flush()
		for {
			data, ok := c.read(patience)
			if !ok {
				t.Fatal(what)
			}
			if data[0]>>6 == 2 && data[1]&0x7f == 96 && binary.BigEndian.Uint16(data[2:]) == seq {
				return
			}
		}
	}
	arrives("nothing comes at first")

	owner, thief := c.conn, c.dial()
	c.conn = thief
	c.send(flip(c.request(true), 40))
	c.send([]byte{128, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5})
	c.wantSilence("hijack")
	c.conn = owner
	arrives("media went away with a hijacker")

	c.conn = c.dial() // the same client on another network
	c.check(true)
	arrives("media does not follow")
	if got := c.peer.Stats().Remote; got != c.local() {
		t.Fatalf("media goes to %v, want %v", got, c.local())
	}
	if tr.counters.PathsChanged.Load() != 1 {
		t.Error("the move was not counted")
	}
}

// Row 20: no addresses without end.
func TestPeer_KnowsABoundedNumberOfPaths_Row20(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.join(tr, nil, "recvonly")
	for range 3 * maxPaths {
		c.conn = c.dial()
		c.check(false)
	}
	c.peer.ice.mu.Lock()
	n := len(c.peer.ice.paths)
	c.peer.ice.mu.Unlock()
	if n != maxPaths {
		t.Fatalf("%d paths, want %d", n, maxPaths)
	}
	known := 0
	for i := range tr.byAddress.shards {
		known += len(tr.byAddress.shards[i].load())
	}
	if known != maxPaths {
		t.Fatalf("%d addresses known, want %d", known, maxPaths)
	}
}

// Row 16: offers that never start ICE go away, and so do peers that lose consent (row 20).
func TestPeer_EndsWithoutConsent_Row16_Row20(t *testing.T) {
	tr := serve(t, Options{PendingTimeout: 300 * time.Millisecond, ConsentTimeout: 300 * time.Millisecond})
	const n = 200
	all := make([]*lean, n)
	for i := range all {
		all[i] = newLean(t)
		_ = all[i].conn.Close()
		all[i].join(tr, nil, "recvonly")
	}
	checked := newLean(t) // checks, and never shakes hands
	checked.join(tr, nil, "recvonly")
	checked.check(true)
	connected := newLean(t)
	connected.connect(tr, nil, "recvonly")
	for _, c := range slices.Concat(all, []*lean{checked, connected}) {
		c.states.want(t, Failed)
	}
	if got := tr.counters.Peers.Load(); got != 0 {
		t.Fatalf("%d peers are left", got)
	}
	for i := range tr.byUfrag.shards {
		if len(tr.byUfrag.shards[i].load())+len(tr.byAddress.shards[i].load()) != 0 {
			t.Fatal("an index remembers a peer that is gone")
		}
	}
}

// Row 46: over the limit a typed error, and the old ones stay.
func TestTransport_RefusesPeersOverTheLimit_Row46(t *testing.T) {
	tr := serve(t, Options{MaxPeers: 1})
	c := newLean(t)
	c.join(tr, nil, "recvonly")
	o, err := sdp.ParseOffer([]byte(newLean(t).offer("recvonly")))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = tr.Subscribe(o, bothTracks, PeerOptions{}); live.ReasonOf(err) != live.NoCapacity {
		t.Fatalf("got %v, want NO_CAPACITY", err)
	}
	c.check(true)
}

// Row 25: a ClientHello from an address without consent is ignored, and the real client gets through.
func TestDTLS_IgnoresAddressesWithoutConsent_Row25(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.join(tr, nil, "recvonly")
	hello := []byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3}
	c.send(hello) // before the check
	attacker := newLean(t)
	attacker.server = c.server
	attacker.send(hello)
	eventually(t, "both are dropped", func() bool { return tr.counters.NoPeer.Load() == 2 })
	c.check(true)
	attacker.send(hello)
	if err := c.shake(); err != nil {
		t.Fatal(err)
	}
	c.states.want(t, Connected)
	c.drop()
}

// Row 26: another certificate than the offer's, or none, gives no media either way.
func TestDTLS_RefusesTheWrongCertificate_Row26(t *testing.T) {
	other, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	for name, option := range map[string]dtls.ClientOption{
		"wrong": dtls.WithCertificates(other.tls),
		"none": dtls.WithGetClientCertificate(func(*dtls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{}, nil
		}),
	} {
		t.Run(name, func(t *testing.T) {
			tr := serve(t, Options{HandshakeTimeout: 2 * time.Second})
			c := newLean(t)
			c.join(tr, nil, "recvonly")
			c.check(true)
			if err := c.shake(option); err == nil {
				c.drop() // some flights end before the refusal arrives
			}
			c.states.want(t, Failed)
			c.peer.rx.mu.Lock()
			c.peer.tx.mu.Lock()
			defer c.peer.rx.mu.Unlock()
			defer c.peer.tx.mu.Unlock()
			if c.peer.tx.sealer != nil || c.peer.rx.context != nil || tr.counters.DTLSRefused.Load() != 1 {
				t.Fatal("there are keys for a stranger")
			}
		})
	}
}

// Row 26: a profile that is not ours is refused.
func TestDTLS_RefusesOtherProfiles_Row26(t *testing.T) {
	tr := serve(t, Options{HandshakeTimeout: 2 * time.Second})
	c := newLean(t)
	c.profiles = []dtls.SRTPProtectionProfile{dtls.SRTP_NULL_HMAC_SHA1_80}
	c.join(tr, nil, "recvonly")
	c.check(true)
	if err := c.shake(); err == nil {
		c.drop()
	}
	c.states.want(t, Failed)
}

// Row 26: garbage instead of a handshake ends within the time and holds little.
func TestDTLS_GarbageIsBoundedInTimeAndBytes_Row26(t *testing.T) {
	tr := serve(t, Options{HandshakeTimeout: time.Second})
	c := newLean(t)
	c.join(tr, nil, "recvonly")
	c.check(true)
	fragment := make([]byte, 1200)
	for i := range 300 {
		// a handshake record with a fragment of a message of 16 MB
		copy(fragment, []byte{22, 254, 253, 0, 0, 0, 0, 0, 0, byte(i >> 8), byte(i), 0x04, 0xa3, 1, 0xff, 0xff, 0xff, 0, 0, 0, byte(i), 0, 0, 0x04, 0x97})
		c.send(fragment)
		c.send([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, byte(i >> 8), byte(i), 0, 0})
	}
	c.states.want(t, Failed)
	c.peer.wire.mu.Lock()
	defer c.peer.wire.mu.Unlock()
	if c.peer.wire.taken > handshakeBytes {
		t.Fatalf("took %d bytes", c.peer.wire.taken)
	}
	if tr.counters.DTLSDropped.Load() == 0 {
		t.Error("nothing was dropped")
	}
}

// Row 27: clear text, an old epoch and a repeated Finished after the handshake change nothing.
func TestDTLS_CleartextAfterTheHandshakeIsDropped_Row27(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	for range 3 * recordsPerSecond {
		c.send([]byte{23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 5, 'h', 'e', 'l', 'l', 'o'}) // data, epoch 0
		c.send([]byte{21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0})                    // close_notify, epoch 0
		c.send([]byte{20, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1})                       // change cipher spec
		c.send([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0})
	}
	eventually(t, "the rest is over the budget", func() bool { return tr.counters.DTLSDropped.Load() > 0 })
	c.check(true)
	if s := c.peer.State(); s != Connected {
		t.Fatalf("the peer is %v", s)
	}
	l := c.peer.Sink(media.Audio)
	batch := tr.NewBatch()
	l.Write(batch, media.Header{Seq: 1}, []byte("still here"))
	batch.Flush()
	for {
		data, ok := c.read(patience)
		if !ok {
			t.Fatal("no media after clear text")
		}
		if plain, err := c.in.DecryptRTP(nil, data, nil); err == nil && bytes.HasSuffix(plain, []byte("still here")) {
			return
		}
	}
}

// packet makes an encrypted RTP packet of the client.
func (c *lean) packet(h rtp.Header, payload []byte) []byte {
	c.t.Helper()
	h.Version = 2
	raw, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		c.t.Fatal(err)
	}
	return c.encrypt(raw)
}

func (c *lean) encrypt(raw []byte) []byte {
	c.t.Helper()
	sealed, err := c.out.EncryptRTP(nil, raw, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return sealed
}

// Row 28: bad tags and replays move counters only.
func TestSRTP_BadTagsAndReplaysMoveOnlyCounters_Row28(t *testing.T) {
	tr := serve(t, Options{})
	r := newRoom(tr)
	c := newLean(t)
	c.connect(tr, r, "sendonly")
	first := c.packet(rtp.Header{PayloadType: 96, SequenceNumber: 10, SSRC: 7}, []byte("one"))
	second := c.packet(rtp.Header{PayloadType: 96, SequenceNumber: 11, SSRC: 7}, []byte("two"))
	c.send(first)
	for i := range 500 {
		bad := flip(c.packet(rtp.Header{PayloadType: 96, SequenceNumber: 10000 + uint16(i), SSRC: 7}, []byte("bad")), 14)
		c.send(bad)
		c.send(first)
		if i%50 == 49 { // the server's socket has room, but the machine may be slow
			eventually(t, "the flood is counted", func() bool { return tr.counters.BadSRTP.Load() == uint64(2*(i+1)) })
		}
	}
	// a forged rollover: numbers from before the first wrap
	c.send(flip(c.packet(rtp.Header{PayloadType: 96, SequenceNumber: 65530, SSRC: 7}, nil), 5))
	c.send(second)
	eventually(t, "the good packets are there", func() bool { return r.count(&r.packets) == 2 })
	if s := c.peer.State(); s != Connected {
		t.Fatalf("the peer is %v", s)
	}
	// an SSRC collision: our own streams have other keys, so it is a stream like any other
	if got := c.peer.Stats().Streams; got != 1 {
		t.Fatalf("%d streams, want 1", got)
	}
}

// Row 29: headers and paddings that lie are dropped.
func TestRTP_LyingHeadersAreDropped_Row29(t *testing.T) {
	tr := serve(t, Options{})
	r := newRoom(tr)
	c := newLean(t)
	c.connect(tr, r, "sendonly")
	base := []byte{0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}
	number := uint16(0)
	send := func(change func([]byte) []byte) {
		number++
		raw := bytes.Clone(base)
		binary.BigEndian.PutUint16(raw[2:], number)
		c.send(c.encryptRaw(change(raw), number))
	}
	padding := func(n byte) func([]byte) []byte {
		return func(b []byte) []byte { b[0] |= 0x20; return append(b, 1, 2, 3, n) }
	}
	bad := []func([]byte) []byte{
		padding(0), padding(5), padding(255), // CVE-2025-49140
		func(b []byte) []byte { b[0] |= 0x20; return b },                                          // padding of nothing
		func(b []byte) []byte { b[0] |= 0x0f; return append(b, 1, 2, 3) },                         // 15 CSRCs
		func(b []byte) []byte { b[0] |= 0x10; return append(b, 0xbe, 0xde, 0xff, 0xff, 1) },       // extension overrun
		func(b []byte) []byte { b[0] |= 0x10; return append(b, 0xbe, 0xde, 0, 1, 0x2f, 1, 2, 3) }, // element overrun
		func(b []byte) []byte { b[0] |= 0x10; return append(b, 0x10, 0, 0, 1, 2, 9, 2, 3) },       // two-byte overrun
		func(b []byte) []byte { b[1] = 77; return append(b, 1) },                                  // payload type not negotiated
	}
	for _, f := range bad {
		send(f)
	}
	good := []func([]byte) []byte{
		func(b []byte) []byte { b[0] |= 0x10; return append(b, 0xbe, 0xde, 0, 1, 0xff, 1, 2, 3, 'x') }, // id 15 stops
		func(b []byte) []byte { b[0] |= 0x10; return append(b, 0xca, 0xfe, 0, 1, 1, 2, 3, 4, 'x') },    // unknown profile
		func(b []byte) []byte { return b }, // payload 0
		padding(4),                         // padding only
		func(b []byte) []byte { return append(b, 'x') },
	}
	for _, f := range good {
		send(f)
	}
	eventually(t, "the good packets are there", func() bool { return r.count(&r.packets) == len(good) })
	n := &tr.counters
	eventually(t, "the bad ones are counted", func() bool {
		return n.BadRTP.Load()+n.BadSRTP.Load()+n.UnknownStream.Load() == uint64(len(bad))
	})
}

// encryptRaw seals what pion would not: a packet whose header lies.
func (c *lean) encryptRaw(raw []byte, number uint16) []byte {
	c.t.Helper()
	s, err := newGCMSealer(c.session.LocalMasterKey, c.session.LocalMasterSalt)
	if err != nil {
		c.t.Fatal(err)
	}
	header := 12
	var h rtp.Header
	if n, err := h.Unmarshal(raw); err == nil {
		header = n
	}
	slot := make([]byte, len(raw)+gcmTag)
	copy(slot, raw[:header])
	s.seal(slot, header, raw[header:], 7, uint64(number))
	return slot
}

// Row 30: streams without end, and payload types that change, stay bounded.
func TestRTP_StreamsAreBounded_Row30(t *testing.T) {
	tr := serve(t, Options{})
	r := newRoom(tr)
	c := newLean(t)
	c.connect(tr, r, "sendonly")
	const n = 500
	for i := range uint32(n) {
		c.send(c.packet(rtp.Header{PayloadType: 96 + uint8(i%2), SequenceNumber: uint16(i * 32768), SSRC: 100 + i, Timestamp: i << 31}, []byte("xyz")))
		if i%50 == 49 {
			eventually(t, "they are read", func() bool {
				return tr.counters.PacketsIn.Load()+tr.counters.UnknownStream.Load() == uint64(i+1)
			})
		}
	}
	if got := c.peer.Stats().Streams; got != maxStreams {
		t.Fatalf("%d streams, want %d", got, maxStreams)
	}
	if got := tr.counters.UnknownStream.Load(); got != n-maxStreams {
		t.Fatalf("%d dropped, want %d", got, n-maxStreams)
	}
}

// feedbackCounter counts what a viewer's feedback costs others.
type feedbackCounter struct {
	nacks, wishes, reports int
	last                   media.Report
}

func (f *feedbackCounter) Nack(seqs []uint16, _ media.Time) { f.nacks += len(seqs) }
func (f *feedbackCounter) WantKeyFrame(media.Time)          { f.wishes++ }
func (f *feedbackCounter) Report(r media.Report, _ media.Time) {
	f.reports++
	f.last = r
}

// Row 32: a viewer's RTCP has a budget, and lies in it are dropped.
func TestRTCP_FloodsStayInTheBudget_Row32(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	f := &feedbackCounter{}
	l := c.peer.Sink(media.Video)
	l.SetFeedback(f)
	var everything []rtcp.NackPair
	for i := range 200 {
		everything = append(everything, rtcp.NackPair{PacketID: uint16(i * 17), LostPackets: 0xffff})
	}
	packets := []rtcp.Packet{
		&rtcp.TransportLayerNack{MediaSSRC: l.main.ssrc, Nacks: everything},
		&rtcp.PictureLossIndication{MediaSSRC: l.main.ssrc},
		&rtcp.FullIntraRequest{MediaSSRC: l.main.ssrc, FIR: []rtcp.FIREntry{{SSRC: l.main.ssrc}, {SSRC: l.main.ssrc}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e18, SSRCs: []uint32{l.main.ssrc}},
	}
	reader := newReader(tr)
	path := c.path(tr)
	const now = 12345 * time.Second // one second, whatever the machine does
	for range 1000 {
		for _, packet := range packets {
			reader.Read(c.rtcp(packet), path, now)
		}
	}
	if f.nacks > nacksPerSecond || f.wishes > keyFrameWishesPerSecond || f.nacks == 0 || f.wishes == 0 {
		t.Errorf("%d nacks and %d wishes in a second, the limits are %d and %d", f.nacks, f.wishes, nacksPerSecond, keyFrameWishesPerSecond)
	}
	if got := tr.counters.RTCPIn.Load(); got > rtcpPerSecond {
		t.Errorf("%d datagrams read in a second, the limit is %d", got, rtcpPerSecond)
	}
	if got := c.peer.Stats().Estimate; got > 10_000_000_000 {
		t.Errorf("an estimate of %d was believed", got)
	}
	for _, lie := range [][]byte{
		{0x81, typeRR, 0xff, 0xff, 0, 0, 0, 1},                                         // length
		{0x9f, typeRR, 0, 1, 0, 0, 0, 1},                                               // count
		{0x80, typeSR, 0, 1, 0, 0, 0, 1},                                               // no room for a report
		{0x8f, typeRTPFB, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0},  // statuses without chunks
		{0xa0, typeRR, 0, 1, 0, 0, 0, 9},                                               // padding
		{0x81, typePSFB, 0, 1, 0, 0, 0, 1},                                             // no media source
		append([]byte{0x80, typeRR, 0, 1, 0, 0, 0, 1}, 0x80, typeRR, 0, 9, 0, 0, 0, 1), // the second packet's length
	} {
		before := tr.counters.BadRTCP.Load()
		reader.Read(c.encryptRTCP(lie), path, now+time.Hour)
		if tr.counters.BadRTCP.Load() != before+1 {
			t.Errorf("% x was believed", lie)
		}
	}
}

func (c *lean) rtcp(p rtcp.Packet) []byte {
	c.t.Helper()
	plain, err := p.Marshal()
	if err != nil {
		c.t.Fatal(err)
	}
	return c.encryptRTCP(plain)
}

func (c *lean) encryptRTCP(plain []byte) []byte {
	c.t.Helper()
	sealed, err := c.out.EncryptRTCP(nil, plain, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return sealed
}

// Row 32: reporters without end.
func TestRTCP_ReportersAreBounded_Row32(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	reader := newReader(tr)
	for i := range uint32(500) {
		reader.Read(c.rtcp(&rtcp.ReceiverReport{SSRC: i}), c.path(tr), time.Duration(i)*time.Second)
	}
	if got := len(c.peer.rx.reporter); got != maxStreams {
		t.Fatalf("%d reporters, want %d", got, maxStreams)
	}
}

// Row 17: candidates of an offer are never sent to.
func TestTransport_NeverSendsToCandidates_Row17(t *testing.T) {
	trap, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	tr := serve(t, Options{})
	c := newLean(t)
	candidate := fmt.Sprintf("a=candidate:1 1 udp 1 127.0.0.1 %d typ host\r\n", trap.LocalAddr().(*net.UDPAddr).Port)
	for _, host := range []string{"169.254.169.254", "10.0.0.1", "metadata.internal", "x.local", "::1"} {
		candidate += "a=candidate:2 1 udp 1 " + host + " 80 typ host\r\n"
	}
	o, err := sdp.ParseOffer([]byte(c.offer("recvonly") + candidate))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := tr.Subscribe(o, bothTracks, PeerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Patch([]byte(candidate)); err != nil {
		t.Fatal(err)
	}
	_ = trap.SetReadDeadline(time.Now().Add(silence))
	if n, _, err := trap.ReadFromUDP(make([]byte, 100)); err == nil {
		t.Fatalf("the server sent %d bytes to a candidate", n)
	}
	if sent := tr.PortCounters().Sent.Load(); sent != 0 {
		t.Fatalf("the server sent %d datagrams", sent)
	}
}

// General rule: goroutines and memory come back. TestMain sees the goroutines; this sees the peers.
func TestTransport_ForgetsClosedPeers(t *testing.T) {
	tr := serve(t, Options{})
	for range 3 {
		all := viewers(t, tr, 20)
		for _, c := range all {
			c.peer.Close()
			<-c.peer.Done()
			c.states.want(t, Closed)
		}
	}
	if got := tr.counters.Peers.Load(); got != 0 {
		t.Fatalf("%d peers are left", got)
	}
	runtime.GC()
}
