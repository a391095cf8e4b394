package turn

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/turn/v5"
	"golang.org/x/time/rate"
)

// The families of addresses.
const (
	family4 = iota
	family6
	families
)

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return family4
	}
	return family6
}

// relays make the far ends of allocations, count them, and bound what goes through.
type relays struct {
	o        Options
	counters *Counters
	peers    [families]netip.AddrPort // what may be relayed to
	targets  [families]netip.AddrPort // where that is inside this machine

	mu     sync.Mutex
	none   sync.Cond // open has become empty
	open   map[*relayed]struct{}
	users  map[string]*allowance
	closed bool
}

// allowance is what one participant has and may have.
type allowance struct {
	allocations int
	bytes       *rate.Limiter
}

func (r *relays) init(o Options, c *Counters) {
	r.o, r.counters = o, c
	r.open, r.users = make(map[*relayed]struct{}), make(map[string]*allowance)
	r.none.L = &r.mu
	for _, p := range o.Peers {
		p = netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
		f := familyOf(p.Addr())
		if r.peers[f].IsValid() {
			continue
		}
		if target, ok := inside(o.Media, f); ok {
			r.peers[f], r.targets[f] = p, target
		}
	}
}

// inside returns where the media port is reached from within the machine, by a family.
func inside(bound []netip.AddrPort, family int) (netip.AddrPort, bool) {
	for _, b := range bound {
		a := b.Addr().Unmap()
		switch {
		case a.IsUnspecified() && family == family4: // [::] takes IPv4 as well
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), b.Port()), true
		case a.IsUnspecified() && a.Is6():
			return netip.AddrPortFrom(netip.IPv6Loopback(), b.Port()), true
		case !a.IsUnspecified() && familyOf(a) == family:
			return netip.AddrPortFrom(a, b.Port()), true
		}
	}
	return netip.AddrPort{}, false
}

// permits is turn.PermissionHandler: the media port's own addresses and nothing else. What is not on this list of
// two needs no other spelling to be known by (security.md row 22).
func (r *relays) permits(_ net.Addr, ip net.IP) bool {
	a, _ := netip.AddrFromSlice(ip)
	if r.reaches(a) {
		return true
	}
	r.counters.Denied.Add(1)
	return false
}

// reaches tells whether the media port has the address.
func (r *relays) reaches(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsValid() && r.peers[familyOf(a)].Addr() == a
}

// mayAllocate is turn.QuotaHandler.
func (r *relays) mayAllocate(user, _ string, _ net.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room(user) {
		return true
	}
	r.counters.OverQuota.Add(1)
	return false
}

// room tells whether the user may have another allocation; the caller holds mu.
func (r *relays) room(user string) bool {
	a := r.users[user]
	return len(r.open) < r.o.Allocations && (a == nil || a.allocations < r.o.PerParticipant)
}

var (
	errNoRelay = errors.New("nothing is relayed that way")
	errNoRoom  = errors.New("too many allocations")
	errNotOpen = errors.New("the server stops")
)

// Validate is turn.RelayAddressGenerator's.
func (r *relays) Validate() error { return nil }

// AllocateListener refuses: TURN for TCP peers (RFC 6062) has nothing to reach here.
func (r *relays) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errNoRelay
}

// AllocateConn refuses likewise.
func (r *relays) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errNoRelay }

// AllocatePacketConn makes the far end of an allocation: a socket that is connected to our media port, inside the
// machine. The relayed address that the client is told names it by the port; nobody can send to it.
func (r *relays) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	family := family4
	if c.Network == "udp6" {
		family = family6
	}
	peer, target := r.peers[family], r.targets[family]
	if !peer.IsValid() || c.RequestedPort != 0 || c.UserID == "" {
		return nil, nil, errNoRelay
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(target))
	if err != nil {
		return nil, nil, err
	}
	_, who, ok := readName("0:" + c.UserID)
	if !ok {
		_ = conn.Close()
		return nil, nil, errNoRelay
	}
	out := &relayed{
		UDPConn: conn, all: r, user: c.UserID, who: who, since: r.o.Now(),
		peer: peer, from: net.UDPAddrFromAddrPort(peer),
	}
	if err := r.add(out); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	told := netip.AddrPortFrom(peer.Addr(), conn.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	return out, net.UDPAddrFromAddrPort(told), nil
}

func (r *relays) add(c *relayed) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errNotOpen
	case !r.room(c.user): // two connections may have asked at once
		r.counters.OverQuota.Add(1)
		return errNoRoom
	}
	a := r.users[c.user]
	if a == nil {
		perSecond := r.o.Bitrate / 8
		a = &allowance{bytes: rate.NewLimiter(rate.Limit(perSecond), perSecond)}
		r.users[c.user] = a
	}
	a.allocations++
	c.bytes = a.bytes
	r.open[c] = struct{}{}
	r.counters.Allocations.Add(1)
	return nil
}

func (r *relays) remove(c *relayed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
	if a := r.users[c.user]; a != nil {
		if a.allocations--; a.allocations == 0 {
			delete(r.users, c.user)
		}
	}
	r.counters.Allocations.Add(-1)
	if len(r.open) == 0 {
		r.none.Broadcast()
	}
}

// closeWhere ends the allocations that f names: their reader ends, and pion forgets them.
func (r *relays) closeWhere(f func(*relayed) bool) {
	r.mu.Lock()
	all := make([]*relayed, 0, len(r.open))
	for c := range r.open {
		all = append(all, c)
	}
	r.mu.Unlock()
	for _, c := range all {
		if f(c) {
			_ = c.Close()
		}
	}
}

// close ends all of them, and takes no more.
func (r *relays) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.closeWhere(func(*relayed) bool { return true })
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.open) > 0 {
		r.none.Wait()
	}
}

// relayed is the far end of one allocation.
type relayed struct {
	*net.UDPConn
	all   *relays
	user  string
	who   Participant
	since time.Time
	peer  netip.AddrPort
	from  *net.UDPAddr // peer again, as pion wants it; shared, not changed
	bytes *rate.Limiter
	once  sync.Once
}

// WriteTo sends to the media port what a client has for it. Anything else is dropped: a permission is for an
// address and not for a port of it (RFC 8656 section 9).
func (c *relayed) WriteTo(p []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errNoRelay
	}
	ap := udp.AddrPort()
	if netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()) != c.peer {
		c.all.counters.Denied.Add(1)
		return len(p), nil
	}
	if !c.bytes.AllowN(time.Now(), len(p)) {
		c.all.counters.OverRate.Add(1)
		return len(p), nil
	}
	c.all.counters.BytesIn.Add(uint64(len(p)))
	if _, err := c.Write(p); errors.Is(err, net.ErrClosed) {
		return 0, err
	}
	return len(p), nil // what the kernel has no room for is lost, as on any way
}

// ReadFrom returns what the media port has for the client.
func (c *relayed) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, err := c.Read(p)
		switch {
		case errors.Is(err, net.ErrClosed):
			return 0, nil, err
		case err != nil: // tells of an earlier send; the socket is as good as before
			continue
		case !c.bytes.AllowN(time.Now(), n):
			c.all.counters.OverRate.Add(1)
			continue
		}
		c.all.counters.BytesOut.Add(uint64(n))
		return n, c.from, nil
	}
}

// Close gives the place back.
func (c *relayed) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		err = c.UDPConn.Close()
		c.all.remove(c)
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
