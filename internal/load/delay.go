package load

import (
	"math"
	"time"
)

// histogram counts durations in buckets that grow by 2 %, from 10 µs to beyond an hour.
type histogram struct {
	buckets [1024]uint32
	total   uint64
	max     time.Duration
}

const (
	bucketStart  = 10 * time.Microsecond
	bucketGrowth = 1.02
)

var logGrowth = math.Log(bucketGrowth)

func (h *histogram) add(d time.Duration) {
	i := 0
	if d > bucketStart {
		i = min(int(math.Log(float64(d)/float64(bucketStart))/logGrowth)+1, len(h.buckets)-1)
	}
	h.buckets[i]++
	h.total++
	h.max = max(h.max, d)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.total += o.total
	h.max = max(h.max, o.max)
}

// quantile returns the upper edge of the bucket that holds the q-th part (0 to 1), 0 if nothing was counted.
func (h *histogram) quantile(q float64) time.Duration {
	want := uint64(math.Ceil(q * float64(h.total)))
	var sum uint64
	for i, n := range h.buckets {
		if sum += uint64(n); n > 0 && sum >= want {
			edge := time.Duration(float64(bucketStart) * math.Pow(bucketGrowth, float64(i)))
			return min(edge, h.max)
		}
	}
	return 0
}
