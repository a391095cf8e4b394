package load

import (
	"strings"
	"testing"
	"time"
)

func TestBurst_ComparesTheMediaBeforeAndMeanwhile(t *testing.T) {
	b := Burst{
		Joins: 100, Failed: 1, Recorded: 99, Left: 99,
		Before: Window{Seconds: 10, DelayP50: 0.5, DelayP99: 4, ServerCPU: 0.1, PerMillion: 2},
		During: Window{Seconds: 10, DelayP50: 1, DelayP99: 6, ServerCPU: 0.3, PerMillion: 6},
	}
	took := make([]time.Duration, 99)
	for i := range took {
		took[len(took)-1-i] = time.Duration(i+1) * time.Millisecond
	}
	b.finish(took)
	if b.JoinP50 != 50 || b.JoinP99 != 99 || b.JoinMax != 99 {
		t.Errorf("joins took %v, %v, at most %v", b.JoinP50, b.JoinP99, b.JoinMax)
	}
	if b.DelayRatio != 2 || b.TailRatio != 1.5 || b.CPURatio != 3 {
		t.Errorf("ratios: %v %v %v", b.DelayRatio, b.TailRatio, b.CPURatio)
	}
	if got := b.CPUMSPerJoin; got < 19.99 || got > 20.01 { // 0.2 cores for 10 s and 100 joins
		t.Errorf("%v ms for each join", got)
	}
	if !b.Complete {
		t.Error("who did not get in is asked for")
	}
	var out strings.Builder
	r := Report{Burst: &b}
	if err := r.WriteTable(&out); err != nil || !strings.Contains(out.String(), "complete: 99 of 99") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestBurst_IsNotCompleteWithoutEveryRecord(t *testing.T) {
	for _, b := range []Burst{{Recorded: 1, Left: 1}, {Recorded: 2, Left: 1}} {
		if b.finish([]time.Duration{1, 2}); b.Complete {
			t.Errorf("%d records of 2, %d as left, are called complete", b.Recorded, b.Left)
		}
	}
}
