package load

import (
	"strings"
	"testing"
	"time"
)

func TestReport_CountsOnlyWhatLiesInTheWindow(t *testing.T) {
	start := time.Now()
	v := func(packets, expected, received uint64) seen {
		return seen{
			packets: packets, bytes: packets * 1000, expected: expected, received: received,
			joined: joinTimes{connected: 10 * time.Millisecond, firstKey: 20 * time.Millisecond},
		}
	}
	before := snapshot{at: start, serverCPU: 5, ownCPU: 7, sent: 100, viewers: []seen{v(100, 100, 100), v(50, 60, 50)}}
	after := snapshot{at: start.Add(2 * time.Second), serverCPU: 5.5, ownCPU: 8, sent: 1100, viewers: []seen{
		v(1100, 1100, 1100), v(950, 1060, 950),
	}}
	var r Report
	r.fill(Options{Publishers: 1, Viewers: 2}, before, after)
	r.Floors = []Floor{{PerMillion: 200}, {PerMillion: 125}}
	r.finish()
	if r.Packets != 1900 || r.PacketsPerSecond != 950 || r.MeanSize != 1000 || r.Expected != 2000 || r.Missing != 100 {
		t.Errorf("counts: %+v", r)
	}
	if r.Loss != 0.05 || r.Complete != 0.95 || r.Sent != 1000 {
		t.Errorf("loss %v, complete %v, sent %v", r.Loss, r.Complete, r.Sent)
	}
	// Half a second for 1900 packets.
	if got := r.PerMillion; got < 263 || got > 264 {
		t.Errorf("%v CPU seconds per million", got)
	}
	if r.Floor != 125 || r.Ratio != r.PerMillion/125 {
		t.Errorf("ratio %v to a floor of %v: the lower one counts", r.Ratio, r.Floor)
	}
	if r.ServerCPU != 0.25 || r.OwnCPU != 0.5 || r.JoinP50 != 10 || r.PictureP95 != 20 {
		t.Errorf("got %+v", r)
	}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil || !strings.Contains(b.String(), "5.0000 %") {
		t.Errorf("table: %v\n%s", err, b.String())
	}
}
