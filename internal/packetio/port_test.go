package packetio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// arrival is one datagram as a Reader saw it.
type arrival struct {
	data []byte
	from Path
}

// inbox is a Reader that keeps everything.
type inbox struct {
	arrivals chan arrival
	flushes  chan struct{}
	gone     chan Path
}

func newInbox() *inbox {
	return &inbox{arrivals: make(chan arrival, 10000), flushes: make(chan struct{}, 10000), gone: make(chan Path, 100)}
}

func (b *inbox) Read(data []byte, from Path, _ media.Time) {
	b.arrivals <- arrival{data: bytes.Clone(data), from: from}
}
func (b *inbox) Flush(media.Time) { b.flushes <- struct{}{} }
func (b *inbox) Gone(p Path)      { b.gone <- p }

func (b *inbox) next(t testing.TB) arrival {
	t.Helper()
	select {
	case a := <-b.arrivals:
		return a
	case <-time.After(30 * time.Second):
		t.Fatal("nothing arrived in 5 s")
		return arrival{}
	}
}

// start runs a port on loopback until the test ends.
func start(t testing.TB, o Options) (*Port, *inbox) {
	t.Helper()
	if len(o.Listen) == 0 {
		o.Listen = []string{"127.0.0.1:0"}
	}
	p, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	box := newInbox()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := p.Run(ctx, func() Reader { return box }); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	return p, box
}

func dialUDP(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func receive(t testing.TB, c net.Conn) []byte {
	t.Helper()
	buf := make([]byte, 4096)
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func TestPort_AnswersGoToTheAddressTheyCameFrom(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			p, box := start(t, Options{Listen: []string{address}})
			to := p.Addrs()[0]
			for _, ip := range []string{"127.0.0.1", "::1"} {
				addr := netip.MustParseAddr(ip)
				if !to.Addr().IsUnspecified() && addr != to.Addr() {
					continue
				}
				c := dialUDP(t, netip.AddrPortFrom(addr, to.Port()))
				if _, err := c.Write([]byte("hello")); err != nil {
					t.Fatal(err)
				}
				a := box.next(t)
				local := c.LocalAddr().(*net.UDPAddr).AddrPort()
				if string(a.data) != "hello" || a.from.Remote() != local || a.from.TCP() {
					t.Fatalf("got %q from %v, want hello from %v", a.data, a.from.Remote(), local)
				}
				p.Send(a.from, []byte("you too"))
				if got := receive(t, c); string(got) != "you too" {
					t.Fatalf("got %q", got)
				}
			}
		})
	}
}

func TestPort_ShardsShareOneAddressAndItsPaths(t *testing.T) {
	p, box := start(t, Options{Shards: 4})
	for range 20 { // the kernel spreads senders over the shards
		c := dialUDP(t, p.Addrs()[0])
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		from := box.next(t).from
		if want := (Path{listener: p.listeners[0], remote: c.LocalAddr().(*net.UDPAddr).AddrPort()}); from != want {
			t.Fatalf("path %v, want %v", from, want)
		}
		p.Send(from, []byte("you too"))
		if got := receive(t, c); string(got) != "you too" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestPort_ServesTCPOnTheSameNumber(t *testing.T) {
	p, box := start(t, Options{})
	c, err := net.Dial("tcp", p.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	// two frames in one write, the third in pieces
	if _, err := c.Write(frames("one", "two")); err != nil {
		t.Fatal(err)
	}
	for _, b := range frames("three") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	var from Path
	for _, want := range []string{"one", "two", "three"} {
		a := box.next(t)
		if string(a.data) != want || !a.from.TCP() {
			t.Fatalf("got %q, want %q", a.data, want)
		}
		from = a.from
	}
	b := p.NewBatch()
	for _, s := range []string{"x", "yy"} {
		copy(b.Append(from, len(s)), s)
	}
	b.Flush()
	got := make([]byte, 7)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if want := frames("x", "yy"); !bytes.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	_ = c.Close()
	select {
	case gone := <-box.gone:
		if gone != from {
			t.Fatal("another path is gone")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("not told that the path is gone")
	}
	p.Send(from, []byte("nobody")) // must do nothing
}

func frames(data ...string) []byte {
	var out []byte
	for _, s := range data {
		out = binary.BigEndian.AppendUint16(out, uint16(len(s)))
		out = append(out, s...)
	}
	return out
}

// Row 29: a datagram of the largest size is dropped and counted.
func TestPort_DropsOversizedDatagrams_Row29(t *testing.T) {
	p, box := start(t, Options{})
	c := dialUDP(t, p.Addrs()[0])
	for _, n := range []int{65000, MaxDatagram + 1, MaxDatagram} {
		if _, err := c.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	if a := box.next(t); len(a.data) != MaxDatagram {
		t.Fatalf("got %d bytes, want %d", len(a.data), MaxDatagram)
	}
	if got := p.Counters().Truncated.Load(); got != 2 {
		t.Fatalf("truncated %d, want 2", got)
	}
}

func TestPort_ClosesConnectionsWithBadFraming(t *testing.T) {
	p, _ := start(t, Options{})
	for _, bad := range [][]byte{{0, 0}, {0xff, 0xff}, {0x08, 0x01}} {
		c, err := net.Dial("tcp", p.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(bad); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatalf("connection stays open after %x", bad)
		}
		_ = c.Close()
	}
	if got := p.Counters().ConnectionsBroken.Load(); got != 3 {
		t.Fatalf("broken %d, want 3", got)
	}
}

// Row 46: connections over the limit are refused while the old ones stay.
func TestPort_BoundsConnections_Row46(t *testing.T) {
	p, box := start(t, Options{MaxConnectionsPerAddress: 2})
	var conns []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", p.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		conns = append(conns, c)
	}
	_ = conns[2].SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := conns[2].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("third connection: %v, want EOF", err)
	}
	if _, err := conns[0].Write(frames("still here")); err != nil {
		t.Fatal(err)
	}
	if a := box.next(t); string(a.data) != "still here" {
		t.Fatalf("got %q", a.data)
	}
	if p.Counters().ConnectionsRefused.Load() != 1 {
		t.Fatal("refusal not counted")
	}
}

func TestConn_DropsTheOldestWhenItsQueueIsFull(t *testing.T) {
	c := &conn{counters: &Counters{}, wake: make(chan struct{}, 1)}
	data := make([]byte, 1000)
	n := queueBytes/1002 + 10
	for i := range n {
		binary.BigEndian.PutUint32(data, uint32(i))
		c.push(data)
	}
	if len(c.queue) > queueBytes {
		t.Fatalf("queue holds %d bytes", len(c.queue))
	}
	if first := binary.BigEndian.Uint32(c.queue[2:]); first != 10 || c.counters.QueueDropped.Load() != 10 {
		t.Fatalf("oldest is %d, dropped %d, want 10 and 10", first, c.counters.QueueDropped.Load())
	}
}

func TestBatch_KeepsOrderAndContentAcrossRunsOfEverySize(t *testing.T) {
	p, box := start(t, Options{})
	c := dialUDP(t, p.Addrs()[0])
	d := dialUDP(t, p.Addrs()[0])
	var paths []Path
	for _, conn := range []net.Conn{c, d} {
		if _, err := conn.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, box.next(t).from)
	}
	sizes := []int{1200, 1200, 1200, 600, 1200, 1201, 1200, 10, 10, 11, 1200, 1200}
	b := p.NewBatch()
	for i, n := range sizes {
		for k, path := range paths[:1+i%2] {
			slot := b.Append(path, n)
			for j := range slot {
				slot[j] = byte(i + k)
			}
		}
	}
	b.Flush()
	if !b.Empty() {
		t.Fatal("not empty after Flush")
	}
	for i, n := range sizes {
		got := receive(t, c)
		if len(got) != n || got[0] != byte(i) || got[n-1] != byte(i) {
			t.Fatalf("datagram %d: %d bytes of %d, want %d bytes of %d", i, len(got), got[0], n, i)
		}
	}
	for i := 1; i < len(sizes); i += 2 {
		if got := receive(t, d); len(got) != sizes[i] || got[0] != byte(i+1) {
			t.Fatalf("datagram %d to the second: %d bytes of %d", i, len(got), got[0])
		}
	}
}

func TestBatch_AppendRefusesWhatCannotLeave(t *testing.T) {
	p, _ := start(t, Options{})
	b := p.NewBatch()
	ok := Path{listener: p.listeners[0], remote: netip.MustParseAddrPort("127.0.0.1:9")}
	for name, slot := range map[string][]byte{
		"no path":  b.Append(Path{}, 10),
		"no bytes": b.Append(ok, 0),
		"too long": b.Append(ok, MaxDatagram+1),
	} {
		if slot != nil {
			t.Errorf("%s: got a slot", name)
		}
	}
}

func TestBatch_AnUnreachableDestinationDisturbsNoOther(t *testing.T) {
	p, box := start(t, Options{})
	c := dialUDP(t, p.Addrs()[0])
	if _, err := c.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	good := box.next(t).from
	bad := Path{listener: p.listeners[0], remote: netip.MustParseAddrPort("192.0.2.1:9")} // not to be reached from 127.0.0.1
	b := p.NewBatch()
	for i := range 10 {
		copy(b.Append(bad, 50), "x")
		copy(b.Append(good, 50), fmt.Sprint(i))
	}
	b.Flush()
	for i := range 10 {
		if got := receive(t, c); string(got[:1]) != fmt.Sprint(i) {
			t.Fatalf("got %q, want %d", got[:1], i)
		}
	}
	if p.Counters().SendDropped.Load() != 10 {
		t.Fatalf("dropped %d, want 10", p.Counters().SendDropped.Load())
	}
}

func TestBatch_AllocatesNothing(t *testing.T) {
	p, _ := start(t, Options{})
	b := p.NewBatch()
	sink := dialUDP(t, p.Addrs()[0])
	path := Path{listener: p.listeners[0], remote: sink.LocalAddr().(*net.UDPAddr).AddrPort()}
	round := func() {
		for range 20 {
			b.Append(path, 1200)[0] = 1
		}
		b.Flush()
	}
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Fatalf("%v allocations per batch", n)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(frames("one", "two"))
	f.Add([]byte{0, 0})
	f.Add([]byte{0xff, 0xff, 1})
	f.Add([]byte{0, 5, 1, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := frameReader{from: iotestReader{bytes.NewReader(data)}, buf: make([]byte, readBuffer)}
		total := 0
		for {
			frame, err := r.next()
			if err != nil {
				break
			}
			if len(frame) == 0 || len(frame) > MaxDatagram {
				t.Fatalf("frame of %d bytes", len(frame))
			}
			total += 2 + len(frame)
		}
		if total > len(data) {
			t.Fatalf("%d bytes of frames from %d bytes", total, len(data))
		}
	})
}

// iotestReader gives a few bytes at a time.
type iotestReader struct{ r io.Reader }

func (r iotestReader) Read(p []byte) (int, error) { return r.r.Read(p[:min(len(p), 7)]) }
