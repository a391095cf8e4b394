package rtc

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

// forger writes what somebody could send who knows a live address and forges it, and nothing else.
type forger struct {
	random *rand.Rand
	hello  []byte // a good ClientHello
	ufrag  string
}

// forgeries returns one of each: bad tags on known and unknown streams, RTCP of every kind with a bad tag, a
// ClientHello, a record of clear text, alerts, and checks without the password.
func (f *forger) forgeries(ssrc uint32) [][]byte {
	garbage := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(f.random.Uint32())
		}
		return b
	}
	rtp := func(ssrc uint32, seq uint16) []byte {
		b := garbage(200)
		b[0], b[1] = 0x80, 96
		binary.BigEndian.PutUint16(b[2:], seq)
		binary.BigEndian.PutUint32(b[8:], ssrc)
		return b
	}
	control := func(kind, format uint8) []byte {
		b := garbage(60)
		b[0], b[1] = 0x80|format, kind
		binary.BigEndian.PutUint32(b[4:], ssrc)
		return b
	}
	check, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(f.ufrag),
		raw{stun.AttrUseCandidate, nil}, stun.NewShortTermIntegrity("not the password at all"), stun.Fingerprint)
	if err != nil {
		panic(err)
	}
	return [][]byte{
		rtp(ssrc, uint16(f.random.Uint32())), rtp(f.random.Uint32(), 1), // a guess of the rollover counter, and new streams
		control(typeSR, 0), control(typeRR, 1), control(typeBye, 1), control(typeRTPFB, formatNack),
		control(typeRTPFB, formatTransport), control(typePSFB, formatPLI), control(typePSFB, formatFIR),
		f.hello,
		{23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 5, 'h', 'e', 'l', 'l', 'o'},
		{21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40}, // fatal: handshake failure
		check.Raw,
	}
}

// captureHello returns a client's first flight.
func captureHello(t *testing.T, tr *Transport) []byte {
	t.Helper()
	c := newLean(t)
	c.join(tr, nil, "recvonly")
	trap := newLean(t)
	c.server = trap.conn.LocalAddr().(*net.UDPAddr)
	var shaking sync.WaitGroup
	shaking.Go(func() { _ = c.shake() })
	hello, ok := trap.read(patience)
	_ = c.conn.Close() // ends the handshake
	shaking.Wait()
	if !ok {
		t.Fatal("no ClientHello")
	}
	return hello
}

// Rows 19, 25, 27, 28 and 32: forgeries from the very addresses of a live stage's publisher and viewer, and from
// nowhere. Every frame arrives, feedback gets through, and nobody is thrown out.
func TestLiveStage_ForgeriesHarmNobody_Row28_Row32(t *testing.T) {
	tr := serve(t, Options{})
	r := newRoom(tr)
	hello := captureHello(t, tr)
	p := publish(t, tr, r, api(t, false))
	p.states.want(t, Connected)
	established(t, p.pc)
	v := view(t, tr, r, api(t, false))
	v.states.want(t, Connected)
	established(t, v.pc)

	var attack sync.WaitGroup
	stop := make(chan struct{})
	hits := make(chan struct{}, 1)
	attack.Go(func() {
		f := &forger{random: rand.New(rand.NewPCG(1, 2)), hello: hello, ufrag: "abcdefgh:ijkl"}
		reader := newReader(tr)
		for round := 0; ; round++ {
			for _, peer := range []*Peer{p.peer, v.peer} {
				path := packetio.Path{}
				if round%4 != 3 {
					path = *peer.ice.selected.Load()
				}
				ssrc := uint32(7)
				if l := peer.Sink(media.Video); l != nil {
					ssrc = l.main.ssrc
				}
				for _, b := range f.forgeries(ssrc) {
					select {
					case <-stop:
						return
					default:
					}
					reader.Read(append([]byte(nil), b...), path, media.Now())
				}
				reader.Flush(media.Now())
			}
			if round == 100 {
				close(hits)
			}
			runtime.Gosched() // those who are attacked run on the same cores
		}
	})
	ended := sync.OnceFunc(func() {
		close(stop)
		attack.Wait()
	})
	defer ended()
	<-hits // more than a second's budget of everything is gone
	for range 30 {
		p.send(t, 10)
		for range 10 {
			next(t, v.video)
		}
	}
	for len(p.keyFrames) > 0 {
		<-p.keyFrames
	}
	// a viewer's wish is passed on in the midst of the flood
	wished := time.NewTicker(100 * time.Millisecond)
	defer wished.Stop()
	deadline := time.After(patience)
	for heard := false; !heard; {
		if err := v.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: v.peer.Sink(media.Video).main.ssrc}}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.keyFrames:
			heard = true
		case <-wished.C:
		case <-deadline:
			t.Fatal("no wish for a key frame gets through")
		}
	}
	ended()
	if a, b := p.peer.State(), v.peer.State(); a != Connected || b != Connected {
		t.Fatalf("publisher %v, viewer %v", a, b)
	}
	if n := &tr.counters; n.BadSRTP.Load() == 0 || n.DTLSDropped.Load() == 0 {
		t.Errorf("%d bad tags and %d DTLS records were counted", n.BadSRTP.Load(), n.DTLSDropped.Load())
	}
	if streams := p.peer.Stats().Streams; streams > maxStreams/2 {
		t.Errorf("%d streams", streams)
	}
}

// Row 25: strangers' ClientHellos, before and while the real client shakes hands, on its own account and in numbers.
func TestDTLS_ARaceOfClientHellosHarmsNoHandshake_Row25(t *testing.T) {
	tr := serve(t, Options{})
	hello := captureHello(t, tr)
	attacker := newLean(t)
	attacker.server = net.UDPAddrFromAddrPort(tr.Addrs()[0])
	var attack sync.WaitGroup
	stop, begun := make(chan struct{}), make(chan struct{})
	attack.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for sent := uint64(0); ; {
			for range 50 { // what certainly fits into the server's socket beside the client's own
				attacker.send(hello)
				sent++
			}
			if sent == 100 {
				close(begun)
			}
			for tr.counters.NoPeer.Load() < sent {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	defer func() {
		close(stop)
		attack.Wait()
	}()
	<-begun
	for range 5 {
		c := newLean(t)
		c.connect(tr, nil, "recvonly")
	}
	if tr.counters.NoPeer.Load() == 0 {
		t.Fatal("no hello was dropped")
	}
}

// Row 26: a peer that has shaken hands does so only once: a second ClientHello of its own changes neither keys nor state.
func TestDTLS_DoesNotNegotiateAgain_Row26(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	c.peer.tx.mu.Lock()
	before := c.peer.tx.sealer
	c.peer.tx.mu.Unlock()
	hello := captureHello(t, tr)
	for range 5 {
		c.send(hello)
	}
	c.check(true) // and so the hellos have been read
	c.peer.tx.mu.Lock()
	after := c.peer.tx.sealer
	c.peer.tx.mu.Unlock()
	if after != before || c.peer.State() != Connected {
		t.Fatalf("new keys: %v, state %v", after != before, c.peer.State())
	}
}

// Row 34: there are no data channels: an offer of one is answered with a refused section, and what comes over DTLS
// after the handshake is dropped.
func TestSDP_DataChannelsAreRefused_Row34(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.codecs = leanCodecs + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:d\na=sctp-port:5000\na=max-message-size:1073741823\n"
	o, err := sdp.ParseOffer([]byte(c.offer("recvonly")))
	if err != nil {
		t.Fatal(err)
	}
	p, answer, err := tr.Subscribe(o, bothTracks, PeerOptions{ID: "data"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !bytes.Contains(answer, []byte("m=application 0 ")) {
		t.Fatalf("a data channel was accepted:\n%s", answer)
	}
}

// Row 32: RTCP that is not the peer's own uses up none of what the peer may say in a second.
func TestRTCP_ForgeriesUseUpNoBudget_Row32(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	f := &feedbackCounter{}
	l := c.peer.Sink(media.Video)
	l.SetFeedback(f)
	const now = 12345 * time.Second // one second, whatever the machine does
	reader := newReader(tr)
	wish := c.rtcp(&rtcp.PictureLossIndication{MediaSSRC: l.main.ssrc})
	for i := range 3 * rtcpPerSecond {
		reader.Read(flip(wish, 8+i%4), c.path(tr), now)
	}
	if got := tr.counters.BadSRTP.Load(); got != 3*rtcpPerSecond {
		t.Fatalf("%d forgeries were counted", got)
	}
	reader.Read(wish, c.path(tr), now)
	if f.wishes != 1 {
		t.Fatal("the peer's own wish went unheard")
	}
}
