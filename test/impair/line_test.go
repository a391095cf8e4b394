package impair

import (
	"math"
	"testing"
	"time"
)

// send puts n packets of a size on a line, one each interval, and returns when each was delivered, in the order of
// delivery; data[0] and [1] are the number.
func send(l *line, n, size int, interval time.Duration) (numbers []int, at []time.Duration) {
	collect := func(now time.Duration) {
		for {
			p, ok := l.due(now)
			if !ok {
				return
			}
			numbers = append(numbers, int(p.data[0])<<8|int(p.data[1]))
			at = append(at, p.at)
		}
	}
	for i := range n {
		now := time.Duration(i) * interval
		collect(now)
		data := make([]byte, size)
		data[0], data[1] = byte(i>>8), byte(i)
		l.put(now, nil, data)
	}
	for next, ok := l.next(); ok; next, ok = l.next() {
		collect(next)
	}
	return numbers, at
}

func TestLine_WithoutConditionsPassesAllAtOnceInOrder(t *testing.T) {
	l := newLine(Conditions{}, 1, 1)
	numbers, at := send(l, 1000, 100, time.Millisecond)
	for i := range 1000 {
		if numbers[i] != i || at[i] != time.Duration(i)*time.Millisecond {
			t.Fatalf("packet %d came as %d at %v", numbers[i], i, at[i])
		}
	}
}

func TestLine_LosesItsShare(t *testing.T) {
	for _, burst := range []float64{0, 1, 4, 20} {
		l := newLine(Conditions{Loss: 0.05, Burst: burst}, 7, 1)
		numbers, _ := send(l, 60_000, 10, time.Millisecond)
		if share := 1 - float64(len(numbers))/60_000; math.Abs(share-0.05) > 0.01 {
			t.Errorf("burst %v: lost %.4f, want 0.05", burst, share)
		}
		runs, last := 0, -1
		for _, n := range numbers {
			if n != last+1 {
				runs++
			}
			last = n
		}
		mean := float64(60_000-len(numbers)) / float64(runs)
		if want := max(burst, 1.05); math.Abs(mean-want) > want/5 {
			t.Errorf("burst %v: runs of %.2f packets, want %.2f", burst, mean, want)
		}
	}
	l := newLine(Conditions{Loss: 1}, 1, 1)
	if numbers, _ := send(l, 100, 10, time.Millisecond); len(numbers) != 0 {
		t.Error("a dead line delivered")
	}
}

func TestLine_JitterKeepsTheOrderAndReorderDoesNot(t *testing.T) {
	c := Conditions{Delay: 50 * time.Millisecond, Jitter: 30 * time.Millisecond}
	numbers, at := send(newLine(c, 1, 1), 5000, 10, time.Millisecond)
	for i, n := range numbers {
		if n != i {
			t.Fatalf("packet %d came as %d", n, i)
		}
		if late := at[i] - time.Duration(n)*time.Millisecond; late < c.Delay || late > c.Delay+c.Jitter {
			t.Fatalf("packet %d took %v", n, late)
		}
	}
	c.Reorder = 0.1
	l := newLine(c, 1, 1)
	numbers, _ = send(l, 5000, 10, time.Millisecond)
	overtook := 0
	for i, n := range numbers {
		if i > 0 && n < numbers[i-1] {
			overtook++
		}
	}
	if len(numbers) != 5000 || overtook == 0 || l.counts.Overtook < 400 || l.counts.Overtook > 600 {
		t.Fatalf("%d arrived, order broke %d times, %d sent ahead", len(numbers), overtook, l.counts.Overtook)
	}
}

func TestLine_Duplicates(t *testing.T) {
	l := newLine(Conditions{Duplicate: 0.1}, 3, 1)
	numbers, _ := send(l, 10_000, 10, time.Millisecond)
	if extra := len(numbers) - 10_000; extra < 800 || extra > 1200 || uint64(extra) != l.counts.Duplicated {
		t.Fatalf("%d duplicates, counted %d", extra, l.counts.Duplicated)
	}
}

func TestLine_QueuesAtItsRateAndDropsWhatDoesNotFit(t *testing.T) {
	// 1000 bytes at 800 kbit/s take 10 ms each; they come every 5 ms.
	c := Conditions{Rate: 800_000, Queue: 10_000}
	l := newLine(c, 1, 1)
	numbers, at := send(l, 1000, 1000, 5*time.Millisecond)
	if len(numbers) < 500 || len(numbers) > 515 || l.counts.Overflowed != uint64(1000-len(numbers)) {
		t.Fatalf("%d arrived, %d overflowed", len(numbers), l.counts.Overflowed)
	}
	for i := 1; i < len(at); i++ {
		if gap := at[i] - at[i-1]; gap < 9999*time.Microsecond {
			t.Fatalf("packets %v apart", gap)
		}
		if late := at[i] - time.Duration(numbers[i])*5*time.Millisecond; late > 121*time.Millisecond {
			t.Fatalf("packet %d waited %v for a queue of 100 ms", numbers[i], late)
		}
	}
}

func TestLine_NewRateHoldsForWhatWaits(t *testing.T) {
	l := newLine(Conditions{Rate: 8_000_000, Queue: 100_000}, 1, 1)
	for range 50 {
		l.put(0, nil, make([]byte, 1000))
	}
	l.advance(0)
	l.conditions.Rate = 800_000
	last := time.Duration(0)
	for next, ok := l.next(); ok; next, ok = l.next() {
		if _, came := l.due(next); came {
			last = next
		}
	}
	if last < 480*time.Millisecond || last > 500*time.Millisecond {
		t.Fatalf("the queue was empty after %v", last)
	}
}

func TestLine_SameSeedSameFate(t *testing.T) {
	c := Conditions{Loss: 0.1, Burst: 3, Jitter: 20 * time.Millisecond, Reorder: 0.05, Duplicate: 0.02}
	one, oneAt := send(newLine(c, 42, 1), 3000, 10, time.Millisecond)
	two, twoAt := send(newLine(c, 42, 1), 3000, 10, time.Millisecond)
	if len(one) != len(two) {
		t.Fatal("different numbers of packets")
	}
	for i := range one {
		if one[i] != two[i] || oneAt[i] != twoAt[i] {
			t.Fatalf("differ at %d", i)
		}
	}
}
