package record

import (
	"bytes"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

func TestReorder_BringsEachOnceInOrder(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var r reorder
		var got []int64
		gaps := 0
		first := uint16(rnd.Uint32())
		take := func(now media.Time) {
			r.take(now, func(p *packet) { got = append(got, p.seq) }, func() { gaps++ })
		}
		lost := map[int]bool{}
		order := make([]int, 300)
		for i := range order {
			order[i] = i
		}
		for i := 1; i < len(order); i++ { // some overtake others
			if j := i - rnd.IntN(min(i, 20)); rnd.IntN(4) == 0 && j > 0 {
				order[i], order[j] = order[j], order[i]
			}
		}
		now := time.Second
		for _, i := range order {
			now += 10 * time.Millisecond
			if i > 0 && rnd.IntN(30) == 0 {
				lost[i] = true
				continue
			}
			for range 1 + rnd.IntN(2) { // some twice
				r.put(media.Header{Seq: first + uint16(i), Timestamp: uint32(i)}, now, []byte{byte(i)})
			}
			take(now)
		}
		take(now + time.Hour)
		if len(got)+len(lost) < 299 || r.held != 0 {
			t.Errorf("seed %d: %d came, %d lost, %d held", seed, len(got), len(lost), r.held)
		}
		for i := 1; i < len(got); i++ {
			if got[i] <= got[i-1] {
				t.Fatalf("seed %d: %d after %d", seed, got[i], got[i-1])
			}
		}
		if (gaps > 0) != (len(lost) > 0) && !lost[299] {
			t.Errorf("seed %d: %d gaps, lost %v", seed, gaps, lost)
		}
	}
}

func TestReorder_ALeapIsANewBeginning(t *testing.T) {
	var r reorder
	n := 0
	for _, seq := range []uint16{10, 11, 30_000, 30_001} {
		r.put(media.Header{Seq: seq}, time.Second, []byte{1})
		r.take(time.Second, func(*packet) { n++ }, func() {})
	}
	if n != 4 {
		t.Errorf("%d came of 4", n)
	}
}

func TestAssembler_DropsWhatHasAHoleUpToAKeyFrame(t *testing.T) {
	var keys []bool
	asked := 0
	a := newAssembler(func(f frame, p parameters) { keys = append(keys, f.key) }, func() { asked++ })
	stamp := int64(0)
	send := func(units ...[]byte) {
		stamp += 3000
		for i, u := range units {
			a.push(&packet{timestamp: stamp, marker: i == len(units)-1, payload: u})
		}
	}
	sps, pps, idr, inter := []byte{0x67, 0x42, 0xe0, 0x1f}, []byte{0x68, 1}, []byte{0x65, 9}, []byte{0x41, 9}
	send(inter)
	send(idr) // without parameters
	send(sps, pps, idr)
	send(inter)
	a.push(&packet{timestamp: stamp, payload: nil}) // a probe
	a.push(&packet{timestamp: stamp + 3000, payload: []byte{0x7c, 0x81, 1}})
	a.gap()
	send(inter)
	send(inter)
	send([]byte{24, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 1, 0, 2, 0x65, 9})
	send([]byte{0x5c, 0x81, 1}, []byte{0x5c, 0x01, 2}, []byte{0x5c, 0x41, 3})
	if want := []bool{true, false, true, false}; len(keys) != len(want) || keys[0] != want[0] || keys[1] != want[1] || keys[2] != want[2] || keys[3] != want[3] {
		t.Errorf("pictures: %v", keys)
	}
	if asked != 1 { // at the start it waits for a key frame anyway
		t.Errorf("asked %d times", asked)
	}
}

func FuzzAssembler(f *testing.F) {
	f.Add([]byte{0x67, 0x42, 0xe0, 0x1f}, uint8(0))
	f.Add([]byte{24, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 1, 0, 2, 0x65, 9}, uint8(7))
	f.Add([]byte{0x7c, 0x85, 1, 2, 3, 0x7c, 0x45, 4}, uint8(4))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		a := newAssembler(func(f frame, p parameters) {
			if !p.complete() || len(f.units) == 0 || f.size > maxFrame || len(f.avcc()) != f.size {
				t.Errorf("a picture of %d units, %d bytes", len(f.units), f.size)
			}
		}, func() {})
		step := int(cut)%32 + 1
		for i := 0; len(data) > 0; i++ {
			part := data[:min(step, len(data))]
			data = data[len(part):]
			switch part[0] % 16 {
			case 15:
				a.gap()
			default:
				a.push(&packet{timestamp: int64(i / 3), marker: part[0]&0x10 != 0, payload: bytes.Clone(part)})
			}
		}
	})
}

func TestInbox_RefusesWhenItIsFull(t *testing.T) {
	b := newInbox(media.Audio, make(chan struct{}, 1), func() media.Time { return 1 }, new(atomic.Uint64))
	for range audioSlots + 5 {
		b.Write(nil, media.Header{}, []byte{1})
	}
	b.WriteReport(media.SenderReport{})
	n := 0
	b.take(func(*slot) { n++ })
	if n != audioSlots || b.refused.Load() != 6 {
		t.Errorf("%d taken, %d refused", n, b.refused.Load())
	}
	if a := testing.AllocsPerRun(100, func() { b.Write(nil, media.Header{}, []byte{1}); b.take(func(*slot) {}) }); a > 0 {
		t.Errorf("%v allocations a packet", a)
	}
}

func TestClock_FollowsTheReports(t *testing.T) {
	var shared senderClock
	c := clock{rate: 90_000, shared: &shared}
	c.came(1000, 5*time.Second)
	c.came(91_000, 5900*time.Millisecond) // less late than the first
	if got := c.captured(1000); got != 4900*time.Millisecond {
		t.Errorf("before a report: %s", got)
	}
	c.report(media.SenderReport{NTP: 100 << 32, Arrival: 10 * time.Second}, 1000)
	c.report(media.SenderReport{NTP: 101<<32 | 1<<31, Arrival: 11 * time.Second}, 1000+135_000) // half a second faster
	if got := c.captured(1000); got != 9500*time.Millisecond {
		t.Errorf("after two reports: %s", got)
	}
	c.report(media.SenderReport{NTP: 1<<64 - 1, Arrival: 12 * time.Second}, 1<<40) // nonsense
	if got := c.captured(1000); got != 4900*time.Millisecond {
		t.Errorf("after a report that makes no sense: %s", got)
	}
}
