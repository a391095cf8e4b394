package sfu

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a publisher's track that keeps what is asked of it.
type source struct {
	track media.Track
	plis  int
	nacks []uint16
}

func (s *source) Track() media.Track           { return s.track }
func (s *source) RequestKeyFrame()             { s.plis++ }
func (s *source) RequestPackets(seqs []uint16) { s.nacks = append(s.nacks, seqs...) }

var (
	h264 = media.Track{ID: "v", Kind: media.Video, Codec: media.Codec{Name: "H264", ClockRate: 90000}}
	opus = media.Track{ID: "a", Kind: media.Audio, Codec: media.Codec{Name: "opus", ClockRate: 48000, Channels: 2}}
)

// written is what a sink got.
type written struct {
	media.Header
	payload []byte
}

// sink keeps what is written to it.
type sink struct {
	packets []written
	reports []media.SenderReport
}

func (s *sink) Write(_ *packetio.Batch, h media.Header, payload []byte) {
	s.packets = append(s.packets, written{h, bytes.Clone(payload)})
}

func (s *sink) WriteReport(r media.SenderReport) { s.reports = append(s.reports, r) }

// take returns what was written since the last call.
func (s *sink) take() []written {
	p := s.packets
	s.packets = nil
	return p
}

// house is an engine with one room, whose time and workers the test moves.
type house struct {
	engine *Engine
	room   *Room
	time   media.Time
}

func newHouse(workers int) *house {
	h := &house{time: time.Minute}
	h.engine = NewEngine(Options{Workers: workers, Hold: -1, Now: func() media.Time { return h.time }})
	h.room = h.engine.NewRoom()
	return h
}

// turn has every worker do what there is to do.
func (h *house) turn() {
	for _, w := range h.engine.workers {
		w.turn(h.time)
	}
}

func (h *house) pass(d time.Duration) { h.time += d }

// publisher sends a track's packets.
type publisher struct {
	house *house
	*source
	up  *UpTrack
	seq uint16
	ts  uint32
}

func (h *house) publish(t media.Track) *publisher {
	s := &source{track: t}
	return &publisher{house: h, source: s, up: h.room.AddUp(s), seq: 1000, ts: 5000}
}

// What the test's payloads begin with.
var (
	keyStart = []byte{0x78, 0, 5, 0x67, 0x42, 0, 0, 0, 0, 2, 0x68, 0xce} // STAP-A of SPS and PPS
	delta    = []byte{0x41, 0x9a}
)

// packet returns the next packet; its payload says which number it has.
func (p *publisher) packet(start []byte, marker bool) *media.Packet {
	payload := binary.BigEndian.AppendUint16(slices.Clone(start), p.seq)
	k := &media.Packet{Seq: p.seq, Timestamp: p.ts, Marker: marker, Payload: payload, Arrival: p.house.time}
	p.seq++
	return k
}

// frame returns the packets of the next frame.
func (p *publisher) frame(start []byte, n int) []*media.Packet {
	var packets []*media.Packet
	for i := range n {
		if i > 0 {
			start = delta
		}
		packets = append(packets, p.packet(start, i == n-1))
	}
	p.ts += 3000
	return packets
}

// bring hands packets in and has them spread.
func (p *publisher) bring(packets ...*media.Packet) {
	for _, k := range packets {
		k.Arrival = p.house.time
		p.up.Receive(k)
	}
	p.up.Flush(p.house.time)
	p.house.turn()
}

// watch adds a viewer.
func (h *house) watch(up *UpTrack) (*DownTrack, *sink) {
	s := &sink{}
	d := h.room.AddDown(up, s)
	h.turn()
	return d, s
}

func numbersOf(packets []written) []uint16 {
	var n []uint16
	for _, p := range packets {
		n = append(n, p.Seq)
	}
	return n
}

// seamless fails unless the packets' numbers follow on each other.
func seamless(t *testing.T, packets []written) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		if packets[i].Seq != packets[i-1].Seq+1 {
			t.Fatalf("numbers %v are not seamless", numbersOf(packets))
		}
	}
}

func count(t *testing.T, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %d, want %d", what, got, want)
	}
}
