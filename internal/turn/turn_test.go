package turn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/live"
)

func TestServer_RelaysToTheMediaPortAndBack(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		t.Run(map[bool]string{false: "udp", true: "tcp"}[tcp], func(t *testing.T) {
			s := open(t, Options{})
			relay := allocate(t, client(t, s, s.Credential(ada), tcp))
			to := net.UDPAddrFromAddrPort(s.relays.peers[family4])
			for i := range 20 { // by indications at first, then through a channel
				said := fmt.Sprint("packet ", i)
				if _, err := relay.WriteTo([]byte(said), to); err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, 100)
				_ = relay.SetReadDeadline(time.Now().Add(patience))
				n, from, err := relay.ReadFrom(buf)
				if err != nil || string(buf[:n]) != said || from.String() != to.String() {
					t.Fatalf("got %q from %v, %v; want %q from %v", buf[:n], from, err, said, to)
				}
			}
			if in, out := s.counters.BytesIn.Load(), s.counters.BytesOut.Load(); in == 0 || in != out {
				t.Errorf("%d bytes in, %d out", in, out)
			}
		})
	}
}

func TestServer_TellsHowItIsReached(t *testing.T) {
	s := open(t, Options{})
	c := s.Credential(ada)
	p := s.Addr().Port()
	want := fmt.Sprintf("[turn:127.0.0.1:%d?transport=udp turn:127.0.0.1:%d?transport=tcp]", p, p)
	if got := fmt.Sprint(c.URLs); got != want || c.Lifetime != 5*time.Minute {
		t.Errorf("told %s for %v, want %s for five minutes", got, c.Lifetime, want)
	}
	s = &Server{o: Options{Host: "2001:db8::1"}, tls: &listener{Listener: fixed(5349)}}
	if got := fmt.Sprint(s.tell()); got != "[turns:[2001:db8::1]:5349?transport=tcp]" {
		t.Errorf("told %s", got)
	}
	s.o.URLs = []string{"turns:relay.example.org:443?transport=tcp"}
	if got := s.tell(); got[0] != s.o.URLs[0] || len(got) != 1 {
		t.Errorf("told %s", got)
	}
}

// fixed is a listener's address.
type fixed int

func (f fixed) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (f fixed) Close() error              { return nil }
func (f fixed) Addr() net.Addr            { return &net.TCPAddr{Port: int(f)} }

func TestOpen_RefusesWhatCannotBe(t *testing.T) {
	for _, o := range []Options{{}, {ListenTLS: "127.0.0.1:0"}, {Listen: "127.0.0.1:1:2"}, {Listen: "127.0.0.1:0", ListenTLS: "x", TLS: &tls.Config{}}} {
		if s, err := Open(t.Context(), o); err == nil {
			s.Close()
			t.Errorf("%+v opens", o)
		}
	}
}

// Row 22: peers in every spelling, asked for in every way. The one that is allowed is the media port as clients
// know it; not even the address it is bound to is another.
func TestServer_ReachesNothingButTheMediaPort_Row22(t *testing.T) {
	victims := []string{
		"127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
		"255.255.255.255", "8.8.8.8", "203.0.113.8",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::cb00:7107", "2002:7f00:1::",
		"2002:cb00:7107::", "::7f00:1", "::cb00:7107", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::8",
	}
	media := port(t, "udp4", "127.0.0.1:0")
	for _, tcp := range []bool{false, true} {
		for _, v6 := range []bool{false, true} {
			o := Options{Media: []netip.AddrPort{media}}
			family := byte(1)
			if v6 {
				o.Media = []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Unspecified(), media.Port())}
				o.Peers = []netip.AddrPort{netip.MustParseAddrPort(fmt.Sprintf("[2001:db8::7]:%d", media.Port()))}
				family = 2
			}
			t.Run(fmt.Sprintf("tcp=%v v6=%v", tcp, v6), func(t *testing.T) {
				s := open(t, o)
				r := newRaw(t, s, s.Credential(ada), tcp)
				if got := code(t, r.allocate(attribute{stun.AttrRequestedAddressFamily, []byte{family, 0, 0, 0}})); got != 0 {
					t.Fatalf("allocation refused: %d", got)
				}
				allowed := s.relays.peers[family-1]
				bad := []netip.AddrPort{
					netip.AddrPortFrom(allowed.Addr(), allowed.Port()+1), netip.AddrPortFrom(allowed.Addr(), 22), // other ports of ours
				}
				for _, text := range victims {
					bad = append(bad, netip.AddrPortFrom(netip.MustParseAddr(text), allowed.Port()))
				}
				for i, victim := range bad {
					p := peer(victim)
					if got := code(t, r.signed(stun.MethodChannelBind, attribute{stun.AttrChannelNumber, []byte{0x40, byte(i + 1), 0, 0}}, p)); got != stun.CodeForbidden {
						t.Errorf("binding a channel to %v gives %d", victim, got)
					}
					if got := code(t, r.signed(stun.MethodConnect, p)); got != stun.CodeForbidden {
						t.Errorf("connecting to %v gives %d", victim, got)
					}
					if victim.Addr() == allowed.Addr() {
						continue // a permission is for an address
					}
					if got := code(t, r.signed(stun.MethodCreatePermission, p)); got != stun.CodeForbidden {
						t.Errorf("a permission for %v gives %d", victim, got)
					}
					if got := code(t, r.signed(stun.MethodCreatePermission, peer(allowed), p)); got != stun.CodeForbidden {
						t.Errorf("a permission for %v beside a good one gives %d", victim, got)
					}
				}
				if got := code(t, r.signed(stun.MethodCreatePermission, peer(allowed))); got != 0 {
					t.Errorf("a permission for the media port gives %d", got)
				}
				if got := code(t, r.signed(stun.MethodChannelBind, attribute{stun.AttrChannelNumber, []byte{0x41, 0, 0, 0}}, peer(allowed))); got != 0 {
					t.Errorf("a channel to the media port gives %d", got)
				}
			})
		}
	}
}

// Row 22: data to another port of an address that may be spoken to goes nowhere, and comes from nowhere else.
func TestServer_SendsToNoOtherPortOfTheMediaAddress_Row22(t *testing.T) {
	secret, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	media := port(t, "udp4", "127.0.0.1:0")
	s := open(t, Options{Media: []netip.AddrPort{media}, Peers: []netip.AddrPort{media}})
	r := newRaw(t, s, s.Credential(ada), false)
	if got := code(t, r.allocate()); got != 0 {
		t.Fatalf("allocation refused: %d", got)
	}
	if got := code(t, r.signed(stun.MethodCreatePermission, peer(media))); got != 0 {
		t.Fatalf("permission refused: %d", got)
	}
	other := secret.LocalAddr().(*net.UDPAddr).AddrPort()
	for _, to := range []netip.AddrPort{other, media} {
		m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), peer(to), attribute{stun.AttrData, []byte("hello")})
		if err != nil {
			t.Fatal(err)
		}
		r.send(m.Raw)
	}
	back, ok := r.read(patience) // the second is answered, so the first has been dealt with
	if !ok || back.Type.Method != stun.MethodData {
		t.Fatal("the media port is not reached")
	}
	_ = secret.SetReadDeadline(time.Now())
	if n, _, err := secret.ReadFrom(make([]byte, 100)); err == nil {
		t.Fatalf("%d bytes reached another port", n)
	}
	if s.counters.Denied.Load() == 0 {
		t.Error("it was not counted")
	}
}

// Row 22: no TCP towards peers at all, no reserved ports.
func TestServer_AllocatesUDPOnly_Row22(t *testing.T) {
	s := open(t, Options{})
	r := newRaw(t, s, s.Credential(ada), true)
	if got := code(t, r.signed(stun.MethodAllocate, attribute{stun.AttrRequestedTransport, []byte{6, 0, 0, 0}})); got == 0 {
		t.Error("a TCP allocation is made")
	}
	if got := s.counters.Allocations.Load(); got != 0 {
		t.Errorf("%d allocations", got)
	}
}

// Row 23: 486 at the cap, and places come back.
func TestServer_BoundsAllocations_Row23(t *testing.T) {
	s := open(t, Options{PerParticipant: 3, Allocations: 5})
	var all []*raw
	for i := range 1000 {
		r := newRaw(t, s, s.Credential(ada), false)
		r.nonce = nonceOf(all)
		switch got := code(t, r.allocate()); {
		case i < 3 && got != 0:
			t.Fatalf("allocation %d gives %d", i, got)
		case i >= 3 && got != stun.CodeAllocQuotaReached:
			t.Fatalf("allocation %d gives %d, want 486", i, got)
		}
		if i < 3 {
			all = append(all, r)
		} else {
			_ = r.conn.Close()
		}
	}
	for i, want := range []stun.ErrorCode{0, 0, stun.CodeAllocQuotaReached} { // two more for all of them together
		r := newRaw(t, s, s.Credential(Participant{"stage", live.ParticipantID(fmt.Sprint("p", i))}), false)
		if got := code(t, r.allocate()); got != want {
			t.Errorf("another participant's allocation %d gives %d, want %d", i, got, want)
		}
		all = append(all, r)
	}
	for _, r := range all[:len(all)-1] {
		if got := code(t, r.signed(stun.MethodRefresh, attribute{stun.AttrLifetime, []byte{0, 0, 0, 0}})); got != 0 {
			t.Errorf("giving an allocation back gives %d", got)
		}
	}
	until(t, "the places come back", func() bool { return s.counters.Allocations.Load() == 0 })
	s.relays.mu.Lock()
	if n := len(s.relays.users) + len(s.relays.open); n != 0 {
		t.Errorf("%d entries are left", n)
	}
	s.relays.mu.Unlock()
	if got := code(t, newRaw(t, s, s.Credential(ada), false).allocate()); got != 0 {
		t.Errorf("an allocation after that gives %d", got)
	}
}

func nonceOf(all []*raw) stun.Nonce {
	if len(all) == 0 {
		return nil
	}
	return all[0].nonce
}

// Row 23: connections are bounded, and a client that goes away takes its allocation along.
func TestServer_BoundsConnections_Row23(t *testing.T) {
	s := open(t, Options{PerAddress: 2})
	r := newRaw(t, s, s.Credential(ada), true)
	if got := code(t, r.allocate()); got != 0 {
		t.Fatalf("allocation refused: %d", got)
	}
	_ = newRaw(t, s, s.Credential(ada), true)
	third := newRaw(t, s, s.Credential(ada), true)
	if _, ok := third.read(patience); ok {
		t.Error("a third connection is served")
	}
	until(t, "it is counted", func() bool { return s.counters.NoConnection.Load() == 1 })
	_ = r.conn.Close()
	until(t, "the allocation ends with its connection", func() bool {
		return s.counters.Allocations.Load() == 0 && s.counters.Connections.Load() == 1
	})
}

// clock is a time that the test moves.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// Row 24: expired, forged, other people's and shared secrets.
func TestServer_RefusesCredentialsThatAreNoGood_Row24(t *testing.T) {
	var c clock
	s := open(t, Options{Now: c.now})
	good := s.Credential(ada)
	elsewhere := open(t, Options{}).Credential(ada)
	until, rest, _ := strings.Cut(good.Username, ":")
	change := func(name string) Credential { return Credential{Username: name, Password: good.Password} }
	bad := map[string]Credential{
		"another stage's name": change(until + ":" + user(Participant{"other", "ada"})),
		"another participant":  change(until + ":" + user(Participant{"stage", "eve"})),
		"a later date":         change(until + "0:" + rest),
		"a date with a sign":   change("+" + good.Username),
		"no date":              change(rest),
		"no participant":       change(until + ":"),
		"nothing of ours":      change("user"),
		"another server's":     elsewhere,
		"no password":          {Username: good.Username},
		"a guessed secret":     {Username: good.Username, Password: (&keys{}).password(good.Username)},
		"too long":             change(good.Username + strings.Repeat("A", 480-len(good.Username))),
	}
	for what, cred := range bad {
		if got := code(t, newRaw(t, s, cred, false).allocate()); got != stun.CodeUnauthorized {
			t.Errorf("%s: %d, want 401", what, got)
		}
	}
	if got := code(t, newRaw(t, s, good, false).allocate()); got != 0 {
		t.Errorf("the good one gives %d", got)
	}
	c.offset.Store(int64(5*time.Minute + time.Second))
	if got := code(t, newRaw(t, s, good, false).allocate()); got != stun.CodeUnauthorized {
		t.Errorf("the good one gives %d after its time", got)
	}
}

// crowd says who is there.
type crowd struct {
	mu  sync.Mutex
	who map[Participant]Standing
}

func (c *crowd) standing(p Participant) Standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who[p]
}

func (c *crowd) set(p Participant, s Standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who[p] = s
}

// Row 24: who is there keeps what it has beyond the credential's time; who was thrown out has nothing.
func TestServer_FollowsTheParticipant_Row24(t *testing.T) {
	var c clock
	there := crowd{who: map[Participant]Standing{ada: There}}
	s := open(t, Options{Now: c.now, Standing: there.standing})
	r := newRaw(t, s, s.Credential(ada), false)
	if got := code(t, r.allocate()); got != 0 {
		t.Fatalf("allocation refused: %d", got)
	}
	c.offset.Store(int64(time.Hour))
	s.sweep()
	if got := code(t, r.signed(stun.MethodRefresh)); got != 0 {
		t.Errorf("a refresh during the participation gives %d", got)
	}
	if got := code(t, newRaw(t, s, r.cred, false).allocate()); got != stun.CodeUnauthorized {
		t.Errorf("a new allocation with an old credential gives %d", got)
	}
	there.set(ada, Barred)
	if got := code(t, r.signed(stun.MethodRefresh)); got != stun.CodeUnauthorized {
		t.Errorf("a refresh after the kick gives %d", got)
	}
	if got := code(t, newRaw(t, s, s.Credential(ada), false).allocate()); got != stun.CodeUnauthorized {
		t.Errorf("a fresh credential after the kick gives %d", got)
	}
	s.sweep()
	until(t, "the allocation of who was thrown out ends", func() bool { return s.counters.Allocations.Load() == 0 })

	bob := Participant{"stage", "bob"}
	if got := code(t, newRaw(t, s, s.Credential(bob), false).allocate()); got != 0 {
		t.Fatalf("who is about to join gets %d", got)
	}
	s.sweep()
	if s.counters.Allocations.Load() != 1 {
		t.Error("an allocation ended before its owner could join")
	}
	c.offset.Add(int64(6 * time.Minute))
	s.sweep()
	until(t, "the allocation of who never came ends", func() bool { return s.counters.Allocations.Load() == 0 })
}

func TestServer_BoundsTheBitrateOfAParticipant_Row23(t *testing.T) {
	s := open(t, Options{Bitrate: 80_000}) // 10,000 bytes at once
	relay := allocate(t, client(t, s, s.Credential(ada), false))
	to := net.UDPAddrFromAddrPort(s.relays.peers[family4])
	until(t, "packets over the rate are dropped", func() bool {
		_, err := relay.WriteTo(make([]byte, 1200), to)
		return err == nil && s.counters.OverRate.Load() > 10
	})
}

// Row 21: strangers get few answers that are larger than what they sent, and nothing at all to a Binding.
func TestServer_IsNoReflector_Row21(t *testing.T) {
	s := open(t, Options{})
	r := newRaw(t, s, Credential{}, false)
	binding, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		t.Fatal(err)
	}
	r.send(binding.Raw)
	until(t, "a Binding is dropped", func() bool { return s.counters.Dropped.Load() == 1 })
	challenge, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a flood is limited", func() bool {
		for range 20 {
			r.send(challenge.Raw)
		}
		return s.counters.Limited.Load() > 100
	})
}

func TestStream_ClosesConnectionsThatMakeNoSense(t *testing.T) {
	s := open(t, Options{})
	for name, said := range map[string]string{
		"http": "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "long": "\x00\x03\xff\xf0\x21\x12\xa4\x42aaaaaaaaaaaaaaaaa", "data": "\x40\x00\xff\xff",
	} {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(said)); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Errorf("%s: %v", name, err)
		}
		_ = c.Close()
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
