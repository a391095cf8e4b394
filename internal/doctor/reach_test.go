package doctor

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// answerer answers checks at a UDP and a TCP port, or as the test wants.
type answerer struct {
	udp net.PacketConn
	tcp net.Listener
}

func newAnswerer(t *testing.T, answer func(request *stun.Message, from net.Addr) []byte) *answerer {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reply := func(data []byte, from net.Addr) []byte {
		m := &stun.Message{Raw: data}
		if m.Decode() != nil {
			return nil
		}
		return answer(m, from)
	}
	var running sync.WaitGroup
	running.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			if out := reply(buf[:n], from); out != nil {
				_, _ = udp.WriteTo(out, from)
			}
		}
	})
	running.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				head := make([]byte, 2)
				if _, err := io.ReadFull(c, head); err != nil {
					return
				}
				body := make([]byte, binary.BigEndian.Uint16(head))
				if _, err := io.ReadFull(c, body); err != nil {
					return
				}
				if out := reply(body, c.RemoteAddr()); out != nil {
					_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
				}
			})
		}
	})
	t.Cleanup(func() { _ = udp.Close(); _ = tcp.Close(); running.Wait() })
	return &answerer{udp, tcp}
}

// success answers as a server of ours does.
func success(password string) func(*stun.Message, net.Addr) []byte {
	return func(request *stun.Message, from net.Addr) []byte {
		setters := []stun.Setter{
			stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(198, 51, 100, 9), Port: 1},
		}
		if password != "" {
			setters = append(setters, stun.NewShortTermIntegrity(password))
		}
		m, err := stun.Build(append(setters, stun.Fingerprint)...)
		if err != nil {
			return nil
		}
		return m.Raw
	}
}

func TestReach_TellsWhatAnswersFromWhatDoesNot(t *testing.T) {
	good := newAnswerer(t, success("secret"))
	stranger := newAnswerer(t, success("other"))
	p := Probe{Username: "a:b", Password: "secret"}
	check := func(network, address string, inside bool, want Level, says string) {
		t.Helper()
		f := reachMedia(t.Context(), p, network, address, inside)
		if f.Level != want || !strings.Contains(f.Found+f.Meaning+f.Change, says) {
			t.Errorf("%s %s is %+v, want %s that says %q", network, address, f, want, says)
		}
	}
	check("udp", good.udp.LocalAddr().String(), false, OK, "answers over udp")
	check("tcp", good.tcp.Addr().String(), false, OK, "answers over tcp")
	check("tcp", stranger.tcp.Addr().String(), false, Fail, "--media-address")
	_ = good.tcp.Close()
	check("tcp", good.tcp.Addr().String(), false, Fail, "Open tcp port")
	check("tcp", good.tcp.Addr().String(), true, Warn, "--endpoint")
}

// One way that works is enough; without any, media does not flow.
func TestReach_WeighsTheWays(t *testing.T) {
	good := newAnswerer(t, success("secret"))
	p := Probe{Username: "a:b", Password: "secret", Media: []string{good.udp.LocalAddr().String()}}
	found := Reach(t.Context(), p, false)
	if len(found) != 2 || found[0].Level != OK || found[1].Level != Warn {
		t.Errorf("UDP alone gives %+v", found)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found = Reach(ctx, p, false); Worst(found) != Fail {
		t.Errorf("nothing at all gives %+v", found)
	}
	p.Media, p.Relays = nil, []Relay{{URLs: []string{"turn:127.0.0.1:1?transport=tcp", "turn:", "turns:127.0.0.1:1?transport=tcp"}}}
	for _, f := range Reach(t.Context(), p, false) {
		if f.Level != Fail || f.Check != "reach.turn" || !strings.Contains(f.Change, "--turn-host") {
			t.Errorf("a relay that is not there gives %+v", f)
		}
	}
}

func TestPublicAddress_IsWhatTheServerSees(t *testing.T) {
	s := newAnswerer(t, success(""))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ip, err := publicAddress(ctx, s.udp.LocalAddr().String())
	if err != nil || !ip.Equal(net.IPv4(198, 51, 100, 9)) {
		t.Errorf("told %v, %v", ip, err)
	}
}

// FuzzHear reads what anyone may send back.
func FuzzHear(f *testing.F) {
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(success("")(request, nil), false)
	f.Add([]byte{0, 4, 1, 1, 0, 0}, true)
	f.Add([]byte{0xff, 0xff}, true)
	f.Fuzz(func(t *testing.T, data []byte, framed bool) {
		near, far := net.Pipe()
		var writing sync.WaitGroup
		writing.Go(func() {
			_, _ = far.Write(data)
			_ = far.Close()
		})
		_, ok := hear(near, request, &Probe{Password: "x"}, framed, time.Now().Add(50*time.Millisecond))
		_ = near.Close()
		writing.Wait()
		if ok {
			t.Fatal("believed what nobody signed")
		}
	})
}
