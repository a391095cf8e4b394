package pace

import (
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

func TestBucket_LetsEverythingPassUntilItIsSet(t *testing.T) {
	var b Bucket
	for range 1000 {
		if !b.Take(1200, 0) || !b.Owe(1200, 0) {
			t.Fatal("held back")
		}
	}
	b.Set(300_000, time.Second)
	b.Set(0, 2*time.Second)
	if b.On() || !b.Take(1<<20, 2*time.Second) {
		t.Error("held back after it was set to nothing")
	}
}

// A key frame of 40 packets is spread over the time that the line takes for it; frames of the usual size are not.
func TestBucket_SpreadsWhatIsTooMuchAtOnce(t *testing.T) {
	for _, rate := range []media.Bitrate{64_000, 300_000, 3_000_000} {
		var b Bucket
		now := time.Hour
		b.Set(rate, now)
		begun, bytes := now, 0
		for range 40 {
			for !b.Take(1200, now) {
				now += time.Millisecond
			}
			bytes += 1200
		}
		took, should := now-begun, time.Duration(float64(bytes)*8/float64(rate)*float64(time.Second))
		if took > should || took < should-max(2*depth, time.Duration(3*leastDepth*8/float64(rate)*float64(time.Second))) {
			t.Errorf("%d bytes at %d bit/s took %v, not %v", bytes, rate, took, should)
		}
		now += time.Minute // which saves up no more than a frame
		n := 0
		for b.Take(1200, now) {
			n++
		}
		if most := int(b.depth()/1200) + 1; n > most {
			t.Errorf("after a pause %d packets leave at once, not %d", n, most)
		}
	}
}

func TestBucket_OwesALittle(t *testing.T) {
	var b Bucket
	now := time.Hour
	b.Set(300_000, now)
	for b.Take(1200, now) {
	}
	n := 0
	for b.Owe(1200, now) {
		n++
	}
	if n == 0 || n > 4 {
		t.Errorf("%d packets beyond the rate", n)
	}
	waited := time.Duration(0)
	for !b.Take(1200, now+waited) {
		waited += time.Millisecond
	}
	if waited < 50*time.Millisecond {
		t.Errorf("what was owed is paid back after %v", waited)
	}
}

func TestBucket_AllocatesNothing(t *testing.T) {
	var b Bucket
	now := time.Hour
	b.Set(300_000, now)
	if n := testing.AllocsPerRun(100, func() { now += time.Millisecond; b.Take(1200, now); b.Owe(100, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBucket_Off(b *testing.B) {
	var k Bucket
	for b.Loop() {
		k.Take(1200, 0)
	}
}

func BenchmarkBucket_On(b *testing.B) {
	var k Bucket
	k.Set(3_000_000, 0)
	now := media.Time(0)
	for b.Loop() {
		now += time.Millisecond
		k.Take(1200, now)
	}
}
