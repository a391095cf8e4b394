package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// Rates say how many calls per second an account may make of each operation; what is not named is unlimited.
type Rates map[string]float64

// DefaultRates are the rates that the real service documents: those of the quota profile aws.
func DefaultRates() Rates {
	rates := Rates{}
	for _, o := range realtime.Table() {
		rates[o.Name] = o.Rate
	}
	for _, o := range channel.Table() {
		rates[o.Name] = o.Rate
	}
	return rates
}

// NewLimiter returns token buckets, one per account and operation, each holding one second's worth of calls
// (control-plane.md 1.15). A refused call takes nothing out. now may be nil.
func NewLimiter(rates Rates, now func() time.Time) Limiter {
	if now == nil {
		now = time.Now
	}
	return &buckets{rates: rates, now: now, of: map[bucketKey]*rate.Limiter{}}
}

type bucketKey struct{ account, operation string }

type buckets struct {
	rates Rates
	now   func() time.Time

	mu sync.Mutex
	of map[bucketKey]*rate.Limiter // grows with accounts, which are few and authenticated
}

func (b *buckets) Allow(account, operation string) bool {
	perSecond, limited := b.rates[operation]
	if !limited {
		return true
	}
	return b.bucket(bucketKey{account, operation}, perSecond).AllowN(b.now(), 1)
}

func (b *buckets) bucket(key bucketKey, perSecond float64) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of[key]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
		b.of[key] = l
	}
	return l
}
