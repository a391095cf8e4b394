package bwe

import (
	"runtime"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// BenchmarkEstimators compares ours with pion's for docs/adr/0014: a packet sent, and told of by a feedback for fifteen.
func BenchmarkEstimators(b *testing.B) {
	const each = 15
	b.Run("own", func(b *testing.B) {
		p := NewLink(Options{}).Open(nil)
		r, number, now, n := twcc.NewRecorder(1), uint16(0), time.Hour, 0
		run(b, each, func() {
			number++
			p.Sent(number, 1200, now)
		}, func(raw []byte) {
			p.Feedback(raw[12:], now)
		}, func() {
			n++
			now += 6 * time.Millisecond
			r.Record(1, number, (now + 20*time.Millisecond).Microseconds())
		}, r)
	})
	b.Run("pion", func(b *testing.B) {
		e, err := gcc.NewSendSideBWE(gcc.SendSideBWEPacer(gcc.NewNoOpPacer()))
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		const id = 1
		w := e.AddStream(&interceptor.StreamInfo{
			SSRC: 1, RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{URI: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", ID: id}},
		}, interceptor.RTPWriterFunc(func(_ *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) { return len(payload), nil }))
		h := rtp.Header{Version: 2, SSRC: 1}
		payload, ext := make([]byte, 1150), rtp.TransportCCExtension{}
		r, now := twcc.NewRecorder(1), time.Hour
		run(b, each, func() {
			ext.TransportSequence++
			raw, _ := ext.Marshal()
			_ = h.SetExtension(id, raw)
			_, _ = w.Write(&h, payload, nil)
		}, func(raw []byte) {
			packets, err := rtcp.Unmarshal(raw)
			if err != nil {
				b.Fatal(err)
			}
			_ = e.WriteRTCP(packets, nil)
		}, func() {
			now += 6 * time.Millisecond
			r.Record(1, ext.TransportSequence, (now + 20*time.Millisecond).Microseconds())
		}, r)
	})
}

func run(b *testing.B, each int, send func(), feedback func([]byte), arrive func(), r *twcc.Recorder) {
	b.Helper()
	var before, after runtime.MemStats
	var spent time.Duration
	var allocs uint64
	n := 0
	for b.Loop() {
		n++
		runtime.ReadMemStats(&before)
		begun := time.Now()
		for range each {
			send()
		}
		spent += time.Since(begun)
		runtime.ReadMemStats(&after)
		allocs += after.Mallocs - before.Mallocs
		for range each {
			arrive()
		}
		for _, packet := range r.BuildFeedbackPacket() {
			raw, err := packet.Marshal()
			if err != nil {
				b.Fatal(err)
			}
			runtime.ReadMemStats(&before)
			begun = time.Now()
			feedback(raw)
			spent += time.Since(begun)
			runtime.ReadMemStats(&after)
			allocs += after.Mallocs - before.Mallocs
		}
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(n*each), "ns/packet")
	b.ReportMetric(float64(allocs)/float64(n*each), "allocs/packet")
}
