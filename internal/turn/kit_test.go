package turn

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

var ada = Participant{Stage: "stage", ID: "ada"}

// port stands for the media port: it sends back what comes.
func port(t testing.TB, network, address string) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buf[:n], from)
		}
	})
	t.Cleanup(func() { _ = conn.Close(); running.Wait() })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// public is what clients know the media port as in these tests: nothing answers there.
var public = netip.MustParseAddr("203.0.113.7")

// open serves until the test ends.
func open(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Media == nil {
		o.Media = []netip.AddrPort{port(t, "udp4", "127.0.0.1:0")}
	}
	if o.Peers == nil {
		o.Peers = []netip.AddrPort{netip.AddrPortFrom(public, o.Media[0].Port())}
	}
	o.Host = "127.0.0.1"
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return s
}

// conn opens a way to the server for a client.
func conn(t testing.TB, s *Server, tcp bool) net.PacketConn {
	t.Helper()
	if !tcp {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return turn.NewSTUNConn(c)
}

// client is pion's client, on a way of its own.
func client(t testing.TB, s *Server, c Credential, tcp bool) *turn.Client {
	t.Helper()
	out, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: s.Addr().String(), TURNServerAddr: s.Addr().String(), Conn: conn(t, s, tcp),
		Username: c.Username, Password: c.Password, Realm: realm, LoggerFactory: quiet{}, RTO: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	if err := out.Listen(); err != nil {
		t.Fatal(err)
	}
	return out
}

// allocate makes an allocation that lasts as long as the test.
func allocate(t testing.TB, c *turn.Client) net.PacketConn {
	t.Helper()
	relay, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() })
	return relay
}

// raw is a client that says exactly what a test tells it.
type raw struct {
	t     testing.TB
	s     *Server
	conn  net.PacketConn
	cred  Credential
	nonce stun.Nonce
}

func newRaw(t testing.TB, s *Server, c Credential, tcp bool) *raw {
	t.Helper()
	return &raw{t: t, s: s, conn: conn(t, s, tcp), cred: c}
}

// ask sends a message and returns the answer.
func (r *raw) ask(setters ...stun.Setter) *stun.Message {
	r.t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.send(m.Raw)
	for {
		got, ok := r.read(patience)
		if !ok {
			r.t.Fatalf("no answer to %v", m.Type)
		}
		if got.TransactionID == m.TransactionID {
			return got
		}
	}
}

func (r *raw) send(data []byte) {
	r.t.Helper()
	if _, err := r.conn.WriteTo(data, net.UDPAddrFromAddrPort(r.s.Addr())); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) read(wait time.Duration) (*stun.Message, bool) {
	buf := make([]byte, 2048)
	_ = r.conn.SetReadDeadline(time.Now().Add(wait))
	n, _, err := r.conn.ReadFrom(buf)
	if err != nil {
		return nil, false
	}
	m := &stun.Message{Raw: buf[:n]}
	if err := m.Decode(); err != nil {
		r.t.Fatal(err)
	}
	return m, true
}

// signed sends a request with the client's credential, after a challenge if there was none.
func (r *raw) signed(method stun.Method, setters ...stun.Setter) *stun.Message {
	r.t.Helper()
	if r.nonce == nil {
		m := r.ask(stun.NewType(stun.MethodAllocate, stun.ClassRequest), attribute{stun.AttrRequestedTransport, []byte{17, 0, 0, 0}})
		if err := r.nonce.GetFrom(m); err != nil {
			r.t.Fatal(err)
		}
	}
	all := append([]stun.Setter{stun.NewType(method, stun.ClassRequest)}, setters...)
	return r.ask(append(all, stun.NewUsername(r.cred.Username), stun.NewRealm(realm), r.nonce,
		stun.NewLongTermIntegrity(r.cred.Username, realm, r.cred.Password))...)
}

var overUDP = attribute{stun.AttrRequestedTransport, []byte{17, 0, 0, 0}}

func (r *raw) allocate(setters ...stun.Setter) *stun.Message {
	r.t.Helper()
	return r.signed(stun.MethodAllocate, append([]stun.Setter{overUDP}, setters...)...)
}

// attribute is an attribute as it is.
type attribute struct {
	kind  stun.AttrType
	value []byte
}

func (a attribute) AddTo(m *stun.Message) error { m.Add(a.kind, a.value); return nil }

// peer is an XOR-PEER-ADDRESS in the family it is spelled in, whatever it means.
type peer netip.AddrPort

func (p peer) AddTo(m *stun.Message) error {
	ap := netip.AddrPort(p)
	x := stun.XORMappedAddress{IP: ap.Addr().AsSlice(), Port: int(ap.Port())}
	if !ap.Addr().Is4In6() {
		return x.AddToAs(m, stun.AttrXORPeerAddress)
	}
	value := []byte{0, 2, byte(ap.Port()>>8) ^ 0x21, byte(ap.Port()) ^ 0x12}
	key := append([]byte{0x21, 0x12, 0xa4, 0x42}, m.TransactionID[:]...)
	for i, b := range ap.Addr().AsSlice() {
		value = append(value, b^key[i])
	}
	m.Add(stun.AttrXORPeerAddress, value)
	return nil
}

// code returns the error of an answer, 0 for success.
func code(t testing.TB, m *stun.Message) stun.ErrorCode {
	t.Helper()
	if m.Type.Class == stun.ClassSuccessResponse {
		return 0
	}
	var e stun.ErrorCodeAttribute
	if err := e.GetFrom(m); err != nil {
		t.Fatalf("%v: %v", m.Type, err)
	}
	return e.Code
}

// until waits for a condition that another goroutine brings about and tells nobody of.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
