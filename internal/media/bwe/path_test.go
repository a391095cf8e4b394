package bwe

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
)

// security.md row 32: transport-wide feedback with bad chunks, claims of what was never sent, and too much of it.
func TestPath_HostileFeedbackCostsAndGainsNothing(t *testing.T) {
	l := NewLink(Options{})
	p := l.Open(nil)
	now := time.Hour
	for i := range 100 {
		p.Sent(uint16(i), 1200, now+time.Duration(i)*time.Millisecond)
	}
	now += time.Second
	claim := []byte{0xff, 0xf0, 0xff, 0xff, 0, 0, 0, 1} // 65,535 packets from 65,520 on: none came
	for left := 65535; left > 0; left -= 8191 {
		claim = binary.BigEndian.AppendUint16(claim, 8191)
	}
	refused := 0
	for range 200 {
		if _, ok := p.Feedback(claim, now); !ok {
			refused++
		}
	}
	if refused < 190 {
		t.Errorf("only %d of 200 feedbacks in one second were refused", refused)
	}
	if len(p.history.entries) > firstHistory {
		t.Errorf("it made the history grow to %d", len(p.history.entries))
	}
	// The same packets reported again and again come through once.
	came := []byte{0, 0, 0, 100, 0, 0, 0, 1, 0x20, 100}
	for range 100 {
		came = append(came, 1)
	}
	for i := range 20 {
		now += time.Second
		if _, ok := p.Feedback(came, now); !ok {
			t.Fatalf("feedback %d was refused", i)
		}
	}
	if p.told.received != 100 {
		t.Errorf("%d packets have come, 100 were sent", p.told.received)
	}
	for _, bad := range [][]byte{nil, {0}, make([]byte, 7), {0, 0, 0, 1, 0, 0, 0, 0}, {0, 0, 0, 1, 0, 0, 0, 0, 0x60, 1}, {0, 0, 0, 1, 0, 0, 0, 0, 0x20, 1}, {0, 0, 0, 1, 0, 0, 0, 0, 0, 0}} {
		now += time.Second
		if _, ok := p.Feedback(bad, now); ok {
			t.Errorf("feedback % x was taken", bad)
		}
	}
}

func TestPath_HistoryGrowsWithTheRateUpToItsBound(t *testing.T) {
	var h history
	now := time.Hour
	number := uint16(0)
	for range 100_000 {
		number++
		now += 50 * time.Microsecond
		h.sent(number, 1000, now)
		if at, size, _, ok := h.arrived(number-uint16(min(len(h.entries)*7/8, 7000)), now); ok && (size != 1000 || now-at > time.Second) {
			t.Fatalf("a packet of %d bytes, %v ago", size, now-at)
		}
	}
	if len(h.entries) != lastHistory {
		t.Errorf("%d entries", len(h.entries))
	}
}

func TestPath_LatePacketsAreNotLost(t *testing.T) {
	l := NewLink(Options{})
	p := l.Open(nil)
	now := time.Hour
	for i := range uint16(3) {
		p.Sent(i, 1200, now)
	}
	feed := func(fci ...byte) {
		if _, ok := p.Feedback(fci, now+time.Second); !ok {
			t.Fatal("refused")
		}
	}
	feed(0, 0, 0, 3, 0, 0, 1, 1, 0x80|0b101000, 0, 4, 4) // first and third
	if p.told.lost != 1 || p.told.received != 2 {
		t.Fatalf("%d lost, %d received", p.told.lost, p.told.received)
	}
	feed(0, 1, 0, 1, 0, 0, 1, 2, 0x20, 1, 4)
	if p.told.lost != 0 || p.told.received != 3 {
		t.Errorf("%d lost, %d received after the second came", p.told.lost, p.told.received)
	}
}

// flow is what a second of a viewer's packets and their feedback is.
func flow(p *Path, r *twcc.Recorder, number *uint16, now *time.Duration) [][]byte {
	var all [][]byte
	for range 10 {
		for range 15 {
			*number++
			*now += 6 * time.Millisecond
			p.Sent(*number, 1200, *now)
			r.Record(1, *number, (*now + 20*time.Millisecond).Microseconds())
		}
		for _, packet := range r.BuildFeedbackPacket() {
			raw, err := packet.Marshal()
			if err != nil {
				panic(err)
			}
			all = append(all, raw[12:])
		}
	}
	return all
}

func TestPath_AllocatesNothingPerPacket(t *testing.T) {
	l := NewLink(Options{})
	p := l.Open(func() {})
	number, now := uint16(0), time.Hour
	r := twcc.NewRecorder(1)
	flow(p, r, &number, &now)
	if n := testing.AllocsPerRun(1000, func() {
		number++
		now += time.Millisecond
		p.Sent(number, 1200, now)
	}); n != 0 {
		t.Errorf("Sent allocates %v times", n)
	}
	feedbacks := flow(p, twcc.NewRecorder(1), &number, &now)
	i := 0
	if n := testing.AllocsPerRun(len(feedbacks)-1, func() {
		p.Feedback(feedbacks[i%len(feedbacks)], now)
		l.Want(5_000_000, now)
		i++
	}); n != 0 {
		t.Errorf("Feedback allocates %v times", n)
	}
}

func BenchmarkPath_Sent(b *testing.B) {
	p := NewLink(Options{}).Open(nil)
	number, now := uint16(0), time.Hour
	b.ReportAllocs()
	for b.Loop() {
		number++
		now += time.Millisecond
		p.Sent(number, 1200, now)
	}
}

// BenchmarkPath_Feedback is for each packet that is told of.
func BenchmarkPath_Feedback(b *testing.B) {
	p := NewLink(Options{}).Open(nil)
	number, now, n := uint16(0), time.Hour, 0
	r := twcc.NewRecorder(1)
	b.ReportAllocs()
	var feedbacks [][]byte
	for b.Loop() {
		if n++; n%15 != 0 {
			continue
		}
		if len(feedbacks) == 0 {
			b.StopTimer()
			feedbacks = flow(p, r, &number, &now)
			b.StartTimer()
		}
		p.Feedback(feedbacks[0], now)
		feedbacks = feedbacks[1:]
	}
}

func FuzzPath_Feedback(f *testing.F) {
	f.Add([]byte{0, 0, 0, 3, 0, 0, 1, 1, 0x80 | 0b101000, 0, 4, 4}, uint16(5))
	f.Add([]byte{0, 0, 0, 100, 0, 0, 0, 1, 0x20, 100, 1, 1, 1}, uint16(65535))
	f.Add([]byte{0xff, 0xf0, 0xff, 0xff, 0, 0, 0, 1, 0x1f, 0xff}, uint16(0))
	f.Add([]byte{0, 0, 0, 7, 0xff, 0xff, 0xff, 1, 0xe6, 0x66, 0x80, 0, 0x7f, 0xff}, uint16(3))
	f.Fuzz(func(t *testing.T, fci []byte, first uint16) {
		l := NewLink(Options{})
		p := l.Open(nil)
		now := time.Hour
		for i := range uint16(50) {
			p.Sent(first+i, 1000, now)
			now += time.Millisecond
		}
		for range 3 {
			now += 500 * time.Millisecond
			heard, ok := p.Feedback(fci, now)
			if ok && heard.Received+heard.Lost != int(binary.BigEndian.Uint16(fci[2:])) {
				t.Fatalf("%+v of %d", heard, binary.BigEndian.Uint16(fci[2:]))
			}
		}
		if p.told.received > 50 || p.told.lost > 50 {
			t.Fatalf("%d received and %d lost of 50", p.told.received, p.told.lost)
		}
		if b := l.Budget(); b <= 0 {
			t.Fatalf("budget %d", b)
		}
	})
}
