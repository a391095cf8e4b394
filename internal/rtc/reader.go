package rtc

import (
	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// reader takes what one socket or connection brings. It belongs to that one's goroutine.
type reader struct {
	t       *Transport
	request stun.Message // reused
	reply   stun.Message // reused
	touched []*Peer      // have received media since the last Flush
}

func newReader(t *Transport) *reader { return &reader{t: t} }

// Read tells the protocols apart by the first byte (RFC 7983 section 7).
func (r *reader) Read(data []byte, from packetio.Path, now media.Time) {
	switch b := data[0]; {
	case b <= 3:
		r.stun(data, from, now)
	case b >= 20 && b <= 63:
		if p := r.t.byAddress.get(from); p != nil {
			p.dtlsIn(data, from, now)
		} else {
			r.t.counters.NoPeer.Add(1)
		}
	case b >= 128 && b <= 191:
		p := r.t.byAddress.get(from)
		if p == nil {
			r.t.counters.NoPeer.Add(1)
			return
		}
		if p.mediaIn(data, from, now) {
			r.touched = append(r.touched, p)
		}
	default:
		r.t.counters.UnknownKind.Add(1)
	}
}

// Flush tells the receivers of what was read that nothing more is at hand.
func (r *reader) Flush(now media.Time) {
	for i, p := range r.touched {
		p.flush(now)
		r.touched[i] = nil
	}
	r.touched = r.touched[:0]
}

// Gone forgets a TCP path: its peer goes on over another one, or loses consent.
func (r *reader) Gone(path packetio.Path) {
	if p := r.t.byAddress.get(path); p != nil {
		p.lose(path)
	}
}
