package rtc

import (
	"hash/maphash"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// indexShards divides an index so that a change copies only a part of it.
const indexShards = 256

// cow is a map that is copied when it changes: readers take no lock.
type cow[K comparable, V any] struct {
	mu sync.Mutex
	m  atomic.Pointer[map[K]V]
}

func (c *cow[K, V]) load() map[K]V {
	if m := c.m.Load(); m != nil {
		return *m
	}
	return nil
}

func (c *cow[K, V]) change(f func(map[K]V)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := maps.Clone(c.load())
	if m == nil {
		m = make(map[K]V, 1)
	}
	f(m)
	c.m.Store(&m)
}

// addressIndex finds peers by the paths they authenticated.
type addressIndex struct {
	seed   maphash.Seed
	shards [indexShards]cow[packetio.Path, *Peer]
}

func (x *addressIndex) init() { x.seed = maphash.MakeSeed() }

func (x *addressIndex) shard(path packetio.Path) *cow[packetio.Path, *Peer] {
	a := path.Remote()
	ip := a.Addr().As16()
	// The port tells most peers apart, the last bytes of the address the rest.
	h := uint(a.Port()) ^ uint(a.Port()>>8) ^ uint(ip[15]) ^ uint(ip[14])*31 ^ uint(ip[7])*17
	return &x.shards[h%indexShards]
}

func (x *addressIndex) get(path packetio.Path) *Peer { return x.shard(path).load()[path] }

func (x *addressIndex) put(path packetio.Path, p *Peer) {
	x.shard(path).change(func(m map[packetio.Path]*Peer) { m[path] = p })
}

// remove forgets the path if it still leads to the peer.
func (x *addressIndex) remove(path packetio.Path, p *Peer) {
	s := x.shard(path)
	if s.load()[path] != p {
		return
	}
	s.change(func(m map[packetio.Path]*Peer) {
		if m[path] == p {
			delete(m, path)
		}
	})
}

// ufragIndex finds ICE sessions by our half of the username.
type ufragIndex struct {
	seed   maphash.Seed
	shards [indexShards]cow[string, *session]
}

func (x *ufragIndex) init() { x.seed = maphash.MakeSeed() }

// get does not allocate: strangers may ask for as many names as they can send.
func (x *ufragIndex) get(ufrag []byte) *session {
	return x.shards[maphash.Bytes(x.seed, ufrag)%indexShards].load()[string(ufrag)]
}

func (x *ufragIndex) put(s *session) {
	x.shards[maphash.String(x.seed, s.local.Ufrag)%indexShards].change(func(m map[string]*session) {
		m[s.local.Ufrag] = s
	})
}

func (x *ufragIndex) remove(s *session) {
	x.shards[maphash.String(x.seed, s.local.Ufrag)%indexShards].change(func(m map[string]*session) {
		delete(m, s.local.Ufrag)
	})
}

const (
	// failuresPerSecond is how many checks with a bad integrity one source may send before the server stops
	// computing hashes for it. A browser that restarts sends a handful.
	failuresPerSecond = 100
	limiterSlots      = 1024
)

// limiter counts failures per source in fixed memory. Sources that share a slot share its allowance, which
// matters only while one of them is an attacker, and never for paths that have authenticated.
type limiter struct {
	seed  maphash.Seed
	own   map[netip.Addr]bool // the addresses that the transport is bound to
	slots [limiterSlots]struct {
		second atomic.Int64
		count  atomic.Int64
	}
}

func (l *limiter) init(bound []netip.AddrPort) {
	l.seed, l.own = maphash.MakeSeed(), make(map[netip.Addr]bool)
	for _, a := range bound {
		l.own[a.Addr()] = true
	}
}

func (l *limiter) slot(from netip.AddrPort) int {
	ip := from.Addr()
	b := ip.As16()
	if !ip.Is4() {
		clear(b[8:]) // one /64 is one source
	}
	if ip.IsLoopback() || l.own[ip] { // the relay, with a port for each of its clients
		b[0], b[1] = byte(from.Port()>>8), byte(from.Port())
	}
	return int(maphash.Bytes(l.seed, b[:]) % limiterSlots)
}

func (l *limiter) blocked(from netip.AddrPort, now media.Time) bool {
	s := &l.slots[l.slot(from)]
	return s.second.Load() == second(now) && s.count.Load() >= failuresPerSecond
}

func (l *limiter) fail(from netip.AddrPort, now media.Time) {
	s := &l.slots[l.slot(from)]
	if n := second(now); s.second.Swap(n) != n {
		s.count.Store(0)
	}
	s.count.Add(1)
}

func second(now media.Time) int64 { return int64(now / 1e9) }
