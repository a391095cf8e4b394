package rtc

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/bwe"
	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

const (
	// midPackets is how many packets of a stream carry its mid. The answer names the SSRCs, so the mid is
	// for receivers that look only at packets; losing all of these is as unlikely as losing a report.
	midPackets = 30
	// headerRoom is the largest header made here: 12 fixed, 4 of extensions, and those.
	headerRoom = 12 + 4 + 40
	// maxPayload keeps what a slot must hold below packetio's largest datagram.
	maxPayload = packetio.MaxDatagram - headerRoom - 2 - padTo - gcmTag
	// padTo is what the sizes of video payloads are rounded up to, from padFrom bytes on: below that a packet
	// is a frame of its own, or the rest of one.
	padTo   = 8
	padFrom = 256
)

// outgoing is what a peer's packets out have in common.
type outgoing struct {
	mu        sync.Mutex
	sealer    sealer // nil before the keys are there, and after the end
	context   *srtp.Context
	transport uint16     // last transport-wide sequence number
	first     media.Time // when the first packet of media was written, 0 before
	rtcp      []byte     // reused
	rtcpHead  rtcp.Header
	line      *bwe.Path     // nil without an estimator
	wide      bool          // all packets have transport-wide numbers
	lineOver  packetio.Path // where the last feedback came from
}

func (o *outgoing) open(context *srtp.Context, s sealer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.context, o.sealer = context, s
}

func (o *outgoing) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.context, o.sealer = nil, nil
	if o.line != nil {
		o.line.Close()
		o.line = nil
	}
}

// feedback holds an interface behind one pointer, so that it can be read without a lock.
type feedback struct{ media.Feedback }

// Local is one outgoing track of a viewer.
type Local struct {
	peer *Peer
	kind media.Kind
	rate uint32 // Hz

	main, rtx  stream       // rtx has no SSRC if retransmissions were not negotiated
	shows      *media.Codec // of the publisher when this was negotiated
	red        uint8        // payload type of redundant sound (RFC 2198), 0 if it was not negotiated
	ids        extensionIDs
	mid, cname string
	// constant says that packets carry no extension that changes from one sending to the next.
	constant bool

	feedback atomic.Pointer[feedback]

	// guarded by peer.tx.mu
	report    media.SenderReport
	hasReport bool
	sent      [4]sentReport // the last sender reports, for round trips
	nextSent  int
	timestamp uint32 // of the last packet
	pads      uint32 // packets of padding on rtx

	highest uint32 // number that the last report knew of; guarded by peer.rx.mu
}

// stream is one SSRC of a Local.
type stream struct {
	ssrc        uint32
	payloadType uint8
	seq         uint16 // of the last packet, on a stream that numbers its own packets
	started     bool
	index       uint64     // the highest sent: rollover counter and sequence number
	window      [16]uint64 // which of the last 1024 were sent
	packets     uint32
	octets      uint32
}

// sentReport remembers when a sender report left (RFC 3550 section 6.4.1, LSR).
type sentReport struct {
	middle uint32
	at     media.Time
}

func newLocal(p *Peer, s *sdp.Section) *Local {
	l := &Local{
		peer: p, rate: s.Codec.ClockRate, kind: media.Audio, mid: s.Offered.MID, cname: p.options.CNAME,
		main: stream{ssrc: random32(), payloadType: s.Codec.PayloadType},
		ids: extensionIDs{
			mid: s.Extension(sdp.ExtMID), transport: s.Extension(sdp.ExtTransportCC), level: s.Extension(sdp.ExtAudioLevel),
		},
	}
	if s.Offered.Kind == sdp.Video {
		l.kind = media.Video
	}
	if len(l.mid) > 16 { // the one-byte form holds no more
		l.ids.mid = 0
	}
	if s.RED != nil {
		l.red = s.RED.PayloadType
	}
	if s.RTX != nil {
		l.rtx = stream{ssrc: random32(), payloadType: s.RTX.PayloadType, seq: uint16(random32() & 0x7fff)} // far from a wrap: a receiver that misses the first packets guesses a rollover counter of 0
	} else if l.kind == media.Video {
		// Without a stream of their own, repeated packets must equal the first ones to the bit (gcmSealer.repeats).
		l.constant = true
		l.ids = extensionIDs{}
	}
	s.SSRC, s.RTXSSRC = l.main.ssrc, l.rtx.ssrc
	s.CNAME, s.Stream, s.Track = l.cname, l.cname, l.kind.String()
	return l
}

// Kind returns the kind of the track.
func (l *Local) Kind() media.Kind { return l.kind }

// SetFeedback says who takes what the viewer says of this track; nil takes it back.
func (l *Local) SetFeedback(f media.Feedback) {
	if f == nil {
		l.feedback.Store(nil)
		return
	}
	l.feedback.Store(&feedback{f})
}

// Write encrypts one packet into the batch. It is dropped silently while the peer isn't connected, and
// counted when it can't be sent without using a nonce twice: a number must not be written again unless
// h.Repeat is set. The payload is read during the call only. Nothing is allocated.
func (l *Local) Write(b *packetio.Batch, h media.Header, payload []byte) {
	path := l.peer.ice.selected.Load()
	if path == nil || len(payload) > maxPayload {
		return
	}
	if h.RED != 0 {
		h.RED, payload = l.redundancy(h.RED, payload)
	}
	tx := &l.peer.tx
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.sealer == nil {
		return
	}
	if h.Repeat {
		l.repeat(b, *path, h, payload)
		return
	}
	index, fresh := l.main.advance(h.Seq)
	if !fresh {
		l.peer.t.counters.SealRefused.Add(1)
		return
	}
	l.timestamp = h.Timestamp
	if l.put(b, *path, h, payload, index) {
		if tx.first == 0 {
			tx.first = media.Now()
		}
		l.main.packets++
		l.main.octets += uint32(len(payload))
	}
}

// put makes a packet of the main stream in the batch; the caller holds tx.mu. What it makes depends on its
// arguments and on extensions only, so that a Local that is constant repeats to the bit.
func (l *Local) put(b *packetio.Batch, path packetio.Path, h media.Header, payload []byte, index uint64) bool {
	s := l.peer.tx.sealer
	n := l.headerSize(&l.main, h)
	padding := l.padding(len(payload))
	slot := b.Append(path, n+len(payload)+padding+s.overhead())
	if slot == nil {
		return false
	}
	l.putHeader(slot, &l.main, h.Seq, h)
	if padding > 0 { // RFC 3550 section 5.1
		slot[0] |= 0x20
		end := n + len(payload) + padding
		copy(slot[n:], payload)
		clear(slot[n+len(payload) : end])
		slot[end-1] = byte(padding)
		payload = slot[n:end]
	}
	l.peer.tx.left(b, len(slot))
	return s.seal(slot, n, payload, l.main.ssrc, index)
}

// padding returns how many bytes to add to a payload. Encoders cut a frame into pieces that differ by a byte,
// which would keep the kernel from taking them as one run; rounded up they leave together. It adds a third of
// a percent to what is sent and saves a quarter of the cost of a frame of five packets
// (BenchmarkLocal_Write/frame=5/uneven).
func (l *Local) padding(n int) int {
	if l.kind != media.Video || n < padFrom {
		return 0
	}
	return -n & (padTo - 1)
}

// repeat sends a packet again: on its own stream behind the original number (RFC 4588 section 4), or, where
// none was negotiated, as it was.
func (l *Local) repeat(b *packetio.Batch, path packetio.Path, h media.Header, payload []byte) {
	s := l.peer.tx.sealer
	if l.rtx.ssrc == 0 {
		if !l.constant && !s.repeats() {
			l.peer.t.counters.SealRefused.Add(1)
			return
		}
		index, _ := l.main.advance(h.Seq)
		l.put(b, path, h, payload, index)
		return
	}
	l.rtx.seq++
	index, _ := l.rtx.advance(l.rtx.seq)
	n := l.headerSize(&l.rtx, h)
	slot := b.Append(path, n+2+len(payload)+s.overhead())
	if slot == nil {
		return
	}
	l.putHeader(slot, &l.rtx, l.rtx.seq, h)
	binary.BigEndian.PutUint16(slot[n:], h.Seq)
	copy(slot[n+2:], payload)
	s.seal(slot, n, slot[n:n+2+len(payload)], l.rtx.ssrc, index)
	l.rtx.packets++
	l.rtx.octets += uint32(2 + len(payload))
	l.peer.tx.left(b, len(slot))
}

// headerSize returns the size of the header that putHeader will make.
func (l *Local) headerSize(s *stream, h media.Header) int {
	n := 0
	if l.ids.transport != 0 {
		n += 3
	}
	if l.ids.level != 0 && h.HasLevel {
		n += 2
	}
	if l.ids.mid != 0 && s.packets < midPackets {
		n += 1 + len(l.mid)
	}
	if n == 0 {
		return 12
	}
	return 12 + 4 + (n+3)/4*4
}

// putHeader writes the RTP header, extensions in the one-byte form (RFC 8285 section 4.2).
func (l *Local) putHeader(b []byte, s *stream, seq uint16, h media.Header) {
	b[0] = 0x80
	b[1] = s.payloadType
	if h.RED != 0 {
		b[1] = h.RED
	}
	if h.Marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], h.Timestamp)
	binary.BigEndian.PutUint32(b[8:], s.ssrc)
	i := 16
	if l.ids.transport != 0 {
		l.peer.tx.transport++
		b[i] = l.ids.transport<<4 | 1
		binary.BigEndian.PutUint16(b[i+1:], l.peer.tx.transport)
		i += 3
	}
	if l.ids.level != 0 && h.HasLevel {
		b[i] = l.ids.level << 4
		b[i+1] = h.Level & 0x7f
		i += 2
	}
	if l.ids.mid != 0 && s.packets < midPackets {
		b[i] = l.ids.mid<<4 | uint8(len(l.mid)-1)
		i += 1 + copy(b[i+1:], l.mid)
	}
	if i == 16 {
		return
	}
	for ; i%4 != 0; i++ {
		b[i] = 0
	}
	b[0] |= 0x10
	binary.BigEndian.PutUint16(b[12:], 0xbede)
	binary.BigEndian.PutUint16(b[14:], uint16(i-16)/4)
}

// advance notes that a number is sent and returns its index (RFC 3711 section 3.3.1). It reports false if the
// number was sent before, or so long ago that nobody knows.
func (s *stream) advance(seq uint16) (index uint64, fresh bool) {
	const size = uint64(len(s.window) * 64)
	if !s.started {
		s.started, s.index = true, uint64(seq)
		s.window[s.index/64%uint64(len(s.window))] |= 1 << (s.index % 64)
		return s.index, true
	}
	difference := int64(int16(seq - uint16(s.index)))
	if difference < 0 && uint64(-difference) > s.index {
		return 0, false // before the first wrap there is nothing
	}
	index = s.index + uint64(difference)
	switch {
	case difference > 0 && uint64(difference) >= size:
		clear(s.window[:])
	case difference > 0:
		for i := s.index + 1; i <= index; i++ {
			s.window[i/64%uint64(len(s.window))] &^= 1 << (i % 64)
		}
	case uint64(-difference) >= size:
		return index, false
	}
	s.index = max(s.index, index)
	word, bit := &s.window[index/64%uint64(len(s.window))], uint64(1)<<(index%64)
	fresh = *word&bit == 0
	*word |= bit
	return index, fresh
}

// WriteReport takes the source's sender report, its RTP time already mapped to the outgoing stream. From then
// on the viewer gets a sender report every second that continues this clock.
func (l *Local) WriteReport(r media.SenderReport) {
	tx := &l.peer.tx
	tx.mu.Lock()
	defer tx.mu.Unlock()
	l.report, l.hasReport = r, true
}
