package host

import (
	"net/netip"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// pending bounds the media sessions that have been answered but are not connected: a POST is cheap to send and makes the
// server keep a peer for a while.
type pending struct {
	perHolder, perAddress int

	mu      sync.Mutex
	holder  map[holder]int
	address map[netip.Addr]int
}

// holder is a participant of a stage: the holder of one token.
type holder struct {
	stage live.StageID
	id    live.ParticipantID
}

func (p *pending) init(perHolder, perAddress int) {
	p.perHolder, p.perAddress = perHolder, perAddress
	p.holder, p.address = make(map[holder]int), make(map[netip.Addr]int)
}

// reserve takes a place for each of both, or returns QuotaExceeded. release gives it back; it may be called more than once.
func (p *pending) reserve(who holder, from netip.Addr) (release func(), err error) {
	from = prefix(from)
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.holder[who]; n >= p.perHolder {
		return nil, tooMany("the participant has %d media sessions that are not connected yet, the limit is %d (setting max_pending_per_token)", n, p.perHolder)
	}
	if n := p.address[from]; n >= p.perAddress {
		return nil, tooMany("the address has %d media sessions that are not connected yet, the limit is %d (setting max_pending_per_address)", n, p.perAddress)
	}
	p.holder[who]++
	p.address[from]++
	var once sync.Once
	return func() { once.Do(func() { p.release(who, from) }) }, nil
}

func (p *pending) release(who holder, from netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holder[who]--; p.holder[who] == 0 {
		delete(p.holder, who)
	}
	if p.address[from]--; p.address[from] == 0 {
		delete(p.address, from)
	}
}

func (p *pending) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, k := range p.holder {
		n += k
	}
	return n
}

// prefix returns what stands for one customer of a network: an IPv4 address, or the /64 of an IPv6 one, whose holder has
// all the addresses in it.
func prefix(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

func tooMany(format string, args ...any) error {
	err := live.Refuse(live.Exhausted, live.QuotaExceeded, format, args...)
	err.RetryAfter = 15 * time.Second // by then a session that never started has been closed
	return err
}
