package rtc

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/media"
)

// hush makes the path in use look as if nothing had come over it for a while.
func (c *lean) hush() {
	a := &c.peer.ice
	a.mu.Lock()
	defer a.mu.Unlock()
	a.chosen.seen -= time.Minute
	a.chosen.nominated -= time.Minute
	a.voice.Store(int64(media.Now() - time.Minute))
}

func (c *lean) wantRemote(want netip.AddrPort, what string) {
	c.t.Helper()
	if got := c.peer.Stats().Remote; got != want {
		c.t.Fatalf("%s: media goes to %v, want %v", what, got, want)
	}
}

// Row 20: a NAT gives the client another port, and its agent, which has nominated long ago, just goes on with
// its consent checks. The first of them moves the media.
func TestPeer_FollowsTheFirstCheckFromAReboundAddress_Row20(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	before := c.local()
	c.conn = c.dial()
	c.check(false)
	c.wantRemote(before, "the path in use has been heard a moment ago")
	c.hush()
	c.check(false)
	c.wantRemote(c.local(), "the path in use is silent")

	l, batch := c.peer.Sink(media.Video), tr.NewBatch()
	l.Write(batch, media.Header{Seq: 7}, []byte("hello"))
	batch.Flush()
	for {
		data, ok := c.read(patience)
		if !ok {
			t.Fatal("no media at the new address")
		}
		if data[0]>>6 == 2 && data[1]&0x7f == 96 && binary.BigEndian.Uint16(data[2:]) == 7 {
			return
		}
	}
}

// Row 20: consent is given for a path. Media does not go on to one that is not checked any more because another is.
func TestPeer_LeavesAPathThatHasLostConsent_Row20(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	before := c.local()
	c.conn = c.dial()
	c.priority = []byte{0x6e, 0, 0, 1}
	c.check(false)
	c.peer.leaveSilentPath(media.Now())
	c.wantRemote(before, "consent lasts")
	c.hush()
	c.peer.leaveSilentPath(media.Now())
	c.wantRemote(c.local(), "consent was given for the other path only")
}

// Row 20: another candidate of the client is not the same one behind another address.
func TestPeer_KeepsThePathAgainstOtherCandidatesThatAreNotNominated_Row20(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	before := c.local()
	c.conn = c.dial()
	c.hush()
	c.priority = []byte{0x6e, 0, 0, 1}
	c.check(false)
	c.wantRemote(before, "checked, and not nominated")
	c.check(true)
	c.wantRemote(c.local(), "nominated")
}

// Row 20: the peer's own media tells which pair it uses, once that pair has passed a check.
func TestPeer_FollowsItsOwnMediaToACheckedAddress_Row20(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, newRoom(tr), "sendonly")
	owner := c.conn
	packet := func(seq uint16) []byte {
		return c.packet(rtp.Header{PayloadType: 96, SequenceNumber: seq, SSRC: 5}, make([]byte, 100))
	}
	taken := func(n uint64) {
		t.Helper()
		eventually(t, "the packet is taken", func() bool { return tr.counters.PacketsIn.Load() == n })
	}
	c.send(packet(1))
	taken(1)
	before := c.local()

	c.conn = c.dial()
	c.send(packet(2)) // nobody has checked this address
	eventually(t, "media from a stranger is dropped", func() bool { return tr.counters.NoPeer.Load() > 0 })
	c.priority = []byte{0x6e, 0, 0, 1}
	c.check(false)
	c.hush()
	c.send(packet(3))
	taken(2)
	c.wantRemote(c.local(), "media comes from the address that was checked")
	if c.local() == before {
		t.Fatal("the test has but one address")
	}

	// A report or two that were on their way do not move it back.
	c.conn = owner
	c.send(c.rtcp(&rtcp.ReceiverReport{SSRC: 5}))
	eventually(t, "the report is read", func() bool { return tr.counters.RTCPIn.Load() == 1 })
	if got := c.peer.Stats().Remote; got == before {
		t.Error("a late packet moved the media back")
	}
}

// Row 20: a check that a stranger has overheard is of no use to it: no answer, and the media stays.
func TestPeer_IgnoresChecksPlayedBackFromElsewhere_Row20(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	overheard := c.request(true)
	c.send(overheard)
	eventually(t, "the check is answered", func() bool { return tr.counters.StunAnswered.Load() == 2 })
	owner := c.conn
	c.conn = c.dial()
	c.hush()
	c.send(overheard)
	eventually(t, "the copy is counted", func() bool { return tr.counters.StunReplayed.Load() == 1 })
	c.wantSilence("a check played back")
	c.wantRemote(owner.LocalAddr().(*net.UDPAddr).AddrPort(), "played back")

	// The owner's own repetition (RFC 8489 section 6.2.1) is answered as the first was.
	c.conn = owner
	c.send(overheard)
	for {
		data, ok := c.read(patience)
		if !ok {
			t.Fatal("no answer to a repetition")
		}
		if stun.IsMessage(data) {
			return
		}
	}
}

// nat forwards datagrams between one client and the server, and can change the port that the server sees.
type nat struct {
	t      *testing.T
	inside *net.UDPConn // clients send here
	server *net.UDPAddr

	mu      sync.Mutex
	outside map[netip.AddrPort]*net.UDPConn // by client
	running sync.WaitGroup
}

func newNAT(t *testing.T) *nat {
	t.Helper()
	inside, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	n := &nat{t: t, inside: inside, outside: map[netip.AddrPort]*net.UDPConn{}}
	t.Cleanup(func() {
		_ = inside.Close()
		n.rebind()
		n.running.Wait()
	})
	return n
}

func (n *nat) addr() netip.AddrPort { return n.inside.LocalAddr().(*net.UDPAddr).AddrPort() }

// start forwards to the server from now on.
func (n *nat) start(server netip.AddrPort) {
	n.server = net.UDPAddrFromAddrPort(server)
	n.running.Go(func() {
		buf := make([]byte, 2048)
		for {
			k, from, err := n.inside.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if out := n.out(from); out != nil {
				_, _ = out.WriteToUDP(buf[:k], n.server)
			}
		}
	})
}

func (n *nat) out(client netip.AddrPort) *net.UDPConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if out := n.outside[client]; out != nil {
		return out
	}
	out, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		n.t.Error(err)
		return nil
	}
	n.outside[client] = out
	n.running.Go(func() {
		buf := make([]byte, 2048)
		for {
			k, _, err := out.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = n.inside.WriteToUDPAddrPort(buf[:k], client)
		}
	})
	return out
}

// rebind forgets every mapping: what comes next gets another port, and answers to the old one are lost.
func (n *nat) rebind() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for client, out := range n.outside {
		_ = out.Close()
		delete(n.outside, client)
	}
}

// Both ends of a stage sit behind a NAT that forgets them; nobody restarts anything.
func TestTransport_MediaSurvivesANATThatRebinds_Row20(t *testing.T) {
	n := newNAT(t)
	tr := serve(t, Options{Advertise: []netip.AddrPort{n.addr()}})
	n.start(tr.Addrs()[0])
	_, p, v := connect(t, tr, api(t, false))
	p.send(t, 1)
	next(t, v.video)
	before := [2]netip.AddrPort{p.peer.Stats().Remote, v.peer.Stats().Remote}
	n.rebind()
	eventually(t, "media flows through the new ports", func() bool {
		p.send(t, 1)
		select {
		case <-v.video:
		default:
		}
		return p.peer.Stats().Remote != before[0] && v.peer.Stats().Remote != before[1]
	})
	for len(v.video) > 0 {
		<-v.video
	}
	p.send(t, 1)
	next(t, v.video)
	if p.peer.State() != Connected || v.peer.State() != Connected {
		t.Error("a peer did not live through it")
	}
}
