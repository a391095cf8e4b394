package impair

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxFlows     = 1024
	maxDatagram  = 65535
	socketBuffer = 4 << 20 // bytes, so that the relay itself loses nothing
)

// Options describe a relay.
type Options struct {
	Listen   string         // the clients' side; "" is 127.0.0.1:0
	Server   netip.AddrPort // where packets go
	Seed     uint64         // of all that is drawn
	Up, Down Conditions     // towards the server, and from it
	Script   []Step         // in order of time; begins when Play is called
}

// Relay is a line with a bad day. Its methods may be called at any time from any goroutine.
type Relay struct {
	server netip.AddrPort
	front  *net.UDPConn
	start  time.Time
	script []Step
	wake   chan struct{} // tells the timekeeper to look again, capacity 1

	mu       sync.Mutex // guards what follows
	up, down *line
	flows    map[netip.AddrPort]*flow
	began    time.Duration // of the script; < 0: not yet
	step     int           // of the script, the next
	closed   bool

	readers sync.WaitGroup
}

// flow is one client.
type flow struct {
	relay  *Relay
	client netip.AddrPort

	mu   sync.Mutex // guards what follows
	back *net.UDPConn
}

// Open binds a relay. Nothing passes before Run.
func Open(o Options) (*Relay, error) {
	if err := errors.Join(o.Up.check(), o.Down.check()); err != nil {
		return nil, err
	}
	last := time.Duration(0)
	for i := range o.Script {
		if err := errors.Join(o.Script[i].Up.check(), o.Script[i].Down.check()); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		if o.Script[i].At < last {
			return nil, fmt.Errorf("step %d: before the step that precedes it", i)
		}
		last = o.Script[i].At
	}
	if !o.Server.IsValid() {
		return nil, errors.New("no server given")
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	at, err := net.ResolveUDPAddr("udp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	front, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	enlarge(front)
	return &Relay{
		server: o.Server, front: front, start: time.Now(), wake: make(chan struct{}, 1),
		up: newLine(o.Up, o.Seed, 1), down: newLine(o.Down, o.Seed, 2),
		flows: map[netip.AddrPort]*flow{}, script: o.Script, began: -1,
	}, nil
}

// enlarge asks for room; the kernel gives what it allows.
func enlarge(c *net.UDPConn) {
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
}

// Addr returns the address that clients are to send to.
func (r *Relay) Addr() netip.AddrPort {
	a := r.front.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Run passes packets on until ctx is done, and closes the relay.
func (r *Relay) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, r.Close)
	defer stop()
	r.readers.Go(r.readClients)
	r.keepTime(ctx)
	r.Close()
	r.readers.Wait()
	return nil
}

// Close ends the relay at once: what is under way is lost.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	flows := r.flows
	r.flows = map[netip.AddrPort]*flow{}
	r.mu.Unlock()
	_ = r.front.Close()
	for _, f := range flows {
		_ = f.socket().Close()
	}
	r.look()
}

// Set changes the conditions from now on. What waits in a queue leaves at the new rate; what is under way
// arrives as it would have.
func (r *Relay) Set(up, down Conditions) error {
	if err := errors.Join(up.check(), down.check()); err != nil {
		return err
	}
	r.mu.Lock()
	r.set(time.Since(r.start), up, down)
	r.mu.Unlock()
	r.look()
	return nil
}

func (r *Relay) set(now time.Duration, up, down Conditions) {
	r.up.advance(now)
	r.down.advance(now)
	r.up.conditions, r.down.conditions = up, down
}

// Play begins the script, or begins it anew.
func (r *Relay) Play() {
	r.mu.Lock()
	r.began, r.step = time.Since(r.start), 0
	r.mu.Unlock()
	r.look()
}

// Counts returns what became of the packets so far.
func (r *Relay) Counts() (up, down Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up.counts, r.down.counts
}

// Rebind gives every client a new address towards the server, as a NAT does that has forgotten, or a phone that
// leaves its Wi-Fi. What the server sends to the old ones is lost. It returns how many clients moved.
func (r *Relay) Rebind() (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, net.ErrClosed
	}
	for _, f := range r.flows {
		back, err := r.dial()
		if err != nil {
			return 0, fmt.Errorf("rebind: %w", err)
		}
		f.mu.Lock()
		old := f.back
		f.back = back
		f.mu.Unlock()
		_ = old.Close()
		r.readers.Go(func() { r.readServer(f, back) })
	}
	return len(r.flows), nil
}

func (r *Relay) dial() (*net.UDPConn, error) {
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.server))
	if err != nil {
		return nil, err
	}
	enlarge(back)
	return back, nil
}

func (f *flow) socket() *net.UDPConn {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.back
}

// look makes the timekeeper look again.
func (r *Relay) look() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Relay) readClients() {
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // a client that is gone answers with ICMP
		}
		if f := r.flow(from); f != nil {
			r.take(r.up, f, buffer[:n])
		}
	}
}

// flow returns a client's flow, nil if there are too many or the relay is closed.
func (r *Relay) flow(client netip.AddrPort) *flow {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flows[client]; f != nil {
		return f
	}
	if r.closed || len(r.flows) >= maxFlows {
		return nil
	}
	back, err := r.dial()
	if err != nil {
		return nil
	}
	f := &flow{relay: r, client: client, back: back}
	r.flows[client] = f
	r.readers.Go(func() { r.readServer(f, back) })
	return f
}

func (r *Relay) readServer(f *flow, back *net.UDPConn) {
	buffer := make([]byte, maxDatagram)
	for {
		n, err := back.Read(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			r.take(r.down, f, buffer[:n])
		}
	}
}

func (r *Relay) take(l *line, f *flow, data []byte) {
	keep := make([]byte, len(data))
	copy(keep, data)
	r.mu.Lock()
	l.put(time.Since(r.start), f, keep)
	r.mu.Unlock()
	r.look()
}

// keepTime delivers what is due and plays the script.
func (r *Relay) keepTime(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait, ok := r.deliver()
		if !ok {
			return
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
	}
}

// deliver sends all that is due and returns how long nothing else is. It returns false when the relay is closed.
func (r *Relay) deliver() (wait time.Duration, ok bool) {
	for {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return 0, false
		}
		now := time.Since(r.start)
		wait = r.play(now)
		up, hasUp := r.up.due(now)
		down, hasDown := r.down.due(now)
		for _, l := range []*line{r.up, r.down} {
			if at, ok := l.next(); ok {
				wait = min(wait, at-now)
			}
		}
		r.mu.Unlock()
		if hasUp {
			_, _ = up.flow.socket().Write(up.data)
		}
		if hasDown {
			_, _ = r.front.WriteToUDPAddrPort(down.data, down.flow.client)
		}
		if !hasUp && !hasDown {
			return max(wait, 0), true
		}
	}
}

// play takes the script's steps whose time has come and returns how long it is to the next.
func (r *Relay) play(now time.Duration) time.Duration {
	for r.began >= 0 && r.step < len(r.script) {
		step := r.script[r.step]
		if at := r.began + step.At; at > now {
			return at - now
		}
		r.set(now, step.Up, step.Down)
		r.step++
	}
	return time.Hour
}
