package turn

import (
	"hash/maphash"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// strangersPerSecond is how many requests of one address that prove nothing are looked at: a client's first
	// one is of that kind, and its answer is larger than it is. Behind one address there may be an office.
	strangersPerSecond = 100
	limiterSlots       = 1024
)

// guard looks at what clients send before pion does. It belongs to no goroutine.
type guard struct {
	s      *Server
	strays limiter
}

func newGuard(s *Server) *guard {
	g := &guard{s: s}
	g.strays.seed = maphash.MakeSeed()
	return g
}

// gate is a guard's view of one socket or connection. It belongs to its reading goroutine.
type gate struct {
	*guard
	request stun.Message // reused
	known   bool         // a request has proven who sends here
}

// pass tells whether a frame is for pion. What it refuses it answers, if there is an answer, by reply.
func (g *gate) pass(frame []byte, from net.Addr, reply func([]byte)) bool {
	if len(frame) >= 4 && frame[0] >= 0x40 && frame[0] <= 0x4f {
		return true // data of a channel; without one it is dropped
	}
	m := &g.request
	m.Raw = append(m.Raw[:0], frame...)
	if !stun.IsMessage(frame) || m.Decode() != nil {
		g.s.counters.Dropped.Add(1)
		return false
	}
	switch m.Type {
	case stun.NewType(stun.MethodSend, stun.ClassIndication):
		return true
	case stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.NewType(stun.MethodRefresh, stun.ClassRequest),
		stun.NewType(stun.MethodCreatePermission, stun.ClassRequest), stun.NewType(stun.MethodChannelBind, stun.ClassRequest),
		stun.NewType(stun.MethodConnect, stun.ClassRequest):
	default: // among them STUN's Binding: whoever wants to know its address learns it with an allocation
		g.s.counters.Dropped.Add(1)
		return false
	}
	source, now := sourceOf(from), time.Now().Unix()
	if g.strays.count(source, now) >= strangersPerSecond {
		g.s.counters.Limited.Add(1)
		return false
	}
	key, ok := g.proven(m)
	if !ok {
		g.strays.add(source, now)
		return true // pion says what is missing
	}
	g.known = true
	if !g.forbidden(m) {
		return true
	}
	g.s.counters.Denied.Add(1)
	refusal, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID),
		stun.NewType(m.Type.Method, stun.ClassErrorResponse), stun.CodeForbidden, stun.MessageIntegrity(key))
	if err == nil {
		reply(refusal.Raw)
	}
	return false
}

// proven returns the key that a request is rightly signed with, false if it is not.
func (g *gate) proven(m *stun.Message) ([]byte, bool) {
	var name stun.Username
	if !m.Contains(stun.AttrMessageIntegrity) || name.GetFrom(m) != nil {
		return nil, false
	}
	_, key, ok := g.s.keys.key(name.String(), m.Type.Method)
	return key, ok && stun.MessageIntegrity(key).Check(m) == nil
}

// forbidden tells whether a request names a peer that is not the media port. A permission is for an address, all
// else for an address and a port of it.
func (g *gate) forbidden(m *stun.Message) bool {
	if m.Type.Method == stun.MethodAllocate || m.Type.Method == stun.MethodRefresh {
		return false
	}
	bad := false
	for _, a := range m.Attributes {
		if a.Type != stun.AttrXORPeerAddress {
			continue
		}
		peer, ok := readPeer(m, a)
		r := &g.s.relays
		switch {
		case !ok || !r.reaches(peer.Addr()):
			bad = true
		case m.Type.Method != stun.MethodCreatePermission:
			bad = bad || r.peers[familyOf(peer.Addr())] != peer
		}
	}
	return bad
}

// readPeer reads one XOR-PEER-ADDRESS (RFC 8489 section 14.2).
func readPeer(m *stun.Message, a stun.RawAttribute) (netip.AddrPort, bool) {
	one := &stun.Message{TransactionID: m.TransactionID, Attributes: stun.Attributes{a}}
	var x stun.XORMappedAddress
	if x.GetFromAs(one, stun.AttrXORPeerAddress) != nil {
		return netip.AddrPort{}, false
	}
	addr, ok := netip.AddrFromSlice(x.IP)
	return netip.AddrPortFrom(addr.Unmap(), uint16(x.Port)), ok
}

// sourceOf returns what stands for one customer of a network: an IPv4 address, or the /64 of an IPv6 one.
func sourceOf(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

// limiter counts by address and second in fixed memory. Addresses that share a slot share its allowance.
type limiter struct {
	seed  maphash.Seed
	slots [limiterSlots]struct{ second, n atomic.Int64 }
}

func (l *limiter) slot(a netip.Addr) *struct{ second, n atomic.Int64 } {
	return &l.slots[maphash.Comparable(l.seed, a)%limiterSlots]
}

func (l *limiter) count(a netip.Addr, second int64) int64 {
	if s := l.slot(a); s.second.Load() == second {
		return s.n.Load()
	}
	return 0
}

func (l *limiter) add(a netip.Addr, second int64) {
	s := l.slot(a)
	if s.second.Swap(second) != second {
		s.n.Store(0)
	}
	s.n.Add(1)
}
