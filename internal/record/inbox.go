package record

import (
	"sync/atomic"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// How many packets wait for the recording, of each kind: two seconds and more of a line that is busy.
const (
	videoSlots = 1024
	audioSlots = 128
)

// slot is one packet in an inbox.
type slot struct {
	header  media.Header
	arrival media.Time
	report  media.SenderReport // of a slot that is one; Arrival is not 0 then
	size    int
	payload [media.MaxPacket]byte
}

// inbox takes what the forwarder brings of one track: one goroutine puts, another takes, and neither waits. It is an
// sfu.Sink. When it is full the newest is refused and counted, and the recording sees a gap as after any loss: live comes
// first.
type inbox struct {
	kind  media.Kind
	slots []slot
	head  atomic.Uint64 // slots put
	tail  atomic.Uint64 // slots taken
	wake  chan<- struct{}
	now   func() media.Time

	refused *atomic.Uint64
}

func newInbox(kind media.Kind, wake chan<- struct{}, now func() media.Time, refused *atomic.Uint64) *inbox {
	n := videoSlots
	if kind == media.Audio {
		n = audioSlots
	}
	return &inbox{kind: kind, slots: make([]slot, n), wake: wake, now: now, refused: refused}
}

// Write takes a packet. It copies and returns.
func (b *inbox) Write(_ *packetio.Batch, h media.Header, payload []byte) {
	if h.RED != 0 {
		payload = codec.PrimaryOfRED(payload)
	}
	if len(payload) > media.MaxPacket {
		b.refused.Add(1)
		return
	}
	s := b.next()
	if s == nil {
		return
	}
	s.header, s.arrival, s.report.Arrival = h, b.now(), 0
	s.size = copy(s.payload[:], payload)
	b.put()
}

// WriteReport takes a sender report.
func (b *inbox) WriteReport(r media.SenderReport) {
	if s := b.next(); s != nil {
		s.report = r
		s.report.Arrival = max(r.Arrival, 1)
		b.put()
	}
}

func (b *inbox) next() *slot {
	head := b.head.Load()
	if head-b.tail.Load() == uint64(len(b.slots)) {
		b.refused.Add(1)
		return nil
	}
	return &b.slots[head%uint64(len(b.slots))]
}

func (b *inbox) put() {
	b.head.Add(1)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take hands what is there to each. What a slot holds is valid during the call.
func (b *inbox) take(each func(*slot)) {
	for tail := b.tail.Load(); tail != b.head.Load(); tail++ {
		each(&b.slots[tail%uint64(len(b.slots))])
		b.tail.Store(tail + 1)
	}
}
