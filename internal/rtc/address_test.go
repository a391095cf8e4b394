package rtc

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/media"
)

// listens tells whether this machine has an address.
func listens(address string) bool {
	c, err := net.ListenPacket("udp", net.JoinHostPort(address, "0"))
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// One transport on several addresses, of both families: a client is answered from the one it asked, over UDP and TCP.
func TestTransport_ServesSeveralAddressesAndIPv6(t *testing.T) {
	var listen []string
	for _, address := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		if !listens(address) {
			t.Logf("this machine has no %s: not tested", address)
			continue
		}
		listen = append(listen, net.JoinHostPort(address, "0"))
	}
	tr := serve(t, Options{Listen: listen})
	if got := len(tr.Candidates()); got != 2*len(listen) {
		t.Fatalf("%d candidates for %d addresses, want each over UDP and TCP", got, len(listen))
	}
	for _, server := range tr.Addrs() {
		t.Run(server.Addr().String(), func(t *testing.T) {
			c := newLean(t)
			conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(server.Addr(), 0)))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			c.conn = conn
			c.join(tr, nil, "recvonly")
			c.server = net.UDPAddrFromAddrPort(server)
			c.check(true)
			if err := c.shake(); err != nil {
				t.Fatal(err)
			}
			c.states.want(t, Connected)
			c.drop()
			batch := tr.NewBatch()
			c.peer.Sink(media.Video).Write(batch, media.Header{Seq: 9}, []byte("hello"))
			batch.Flush()
			buf := make([]byte, 2048)
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			for {
				n, from, err := conn.ReadFromUDPAddrPort(buf)
				if err != nil {
					t.Fatal("no media: ", err)
				}
				if from.Addr().Unmap() != server.Addr() {
					t.Fatalf("an answer comes from %v, want %v", from, server)
				}
				if n > 12 && buf[0]>>6 == 2 && buf[1]&0x7f == 96 {
					break
				}
			}
			c.checkTCP(server)
		})
	}
}

// checkTCP sends a valid check over TCP and waits for its answer (RFC 4571, RFC 6544).
func (c *lean) checkTCP(server netip.AddrPort) {
	c.t.Helper()
	conn, err := net.Dial("tcp", server.String())
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	request := c.request(false)
	if _, err := conn.Write(append([]byte{byte(len(request) >> 8), byte(len(request))}, request...)); err != nil {
		c.t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	head := make([]byte, 2)
	if _, err := io.ReadFull(conn, head); err != nil {
		c.t.Fatal(err)
	}
	body := make([]byte, int(head[0])<<8|int(head[1]))
	if _, err := io.ReadFull(conn, body); err != nil || !stun.IsMessage(body) {
		c.t.Fatalf("answered by %x, %v", body, err)
	}
}

// Behind NAT the addresses of the setting are told, and no others; a port that is not given is the listener's own.
func TestCandidates_AreThoseOfTheSetting(t *testing.T) {
	bound := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.5:7401"), netip.MustParseAddrPort("[2001:db8::5]:7402")}
	got, err := candidates(bound, []netip.AddrPort{
		netip.MustParseAddrPort("203.0.113.7:0"), netip.MustParseAddrPort("203.0.113.8:9000"), netip.MustParseAddrPort("[2001:db8::5]:0"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "[{203.0.113.7:7401 false} {203.0.113.8:9000 false} {[2001:db8::5]:7402 false} {203.0.113.7:7401 true} {203.0.113.8:9000 true} {[2001:db8::5]:7402 true}]"
	if fmt.Sprint(got) != want {
		t.Errorf("told %v, want %s", got, want)
	}
}
