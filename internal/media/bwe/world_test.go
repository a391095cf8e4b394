package bwe

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"

	"github.com/proscenium-live/proscenium/internal/media"
)

// world is a line in virtual time, with what is sent over it. Nothing in it runs by itself.
type world struct {
	t      testing.TB
	now    media.Time
	random *rand.Rand
	events events
	line   *line
	link   *Link
	trace  func(w *world)
}

// line is a bottleneck: a queue that empties at a rate, then a delay.
type line struct {
	rate   func(media.Time) media.Bitrate
	rtt    time.Duration
	jitter time.Duration
	loss   float64
	queue  time.Duration // that fits
	police bool          // no queue: what is too much is dropped
	free   media.Time    // when the last packet has left the queue
	tokens float64
	filled media.Time
}

type event struct {
	at media.Time
	n  int // order of equal times
	do func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].n < e[j].n
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func newWorld(t testing.TB, l *line, o Options) *world {
	t.Helper()
	if l.queue == 0 {
		l.queue = 500 * time.Millisecond
	}
	return &world{t: t, now: time.Hour, random: rand.New(rand.NewPCG(1, 2)), line: l, link: NewLink(o)}
}

func (w *world) at(t media.Time, do func()) {
	heap.Push(&w.events, event{max(t, w.now), len(w.events), do})
}

func (w *world) every(d time.Duration, do func()) {
	var again func()
	again = func() {
		do()
		w.at(w.now+d, again)
	}
	w.at(w.now, again)
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	until := w.now + d
	for len(w.events) > 0 && w.events[0].at <= until {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	w.now = until
}

// cross returns when a packet comes out at the far end, and whether it does.
func (l *line) cross(w *world, size int) (media.Time, bool) {
	rate := float64(l.rate(w.now))
	if l.police {
		l.tokens = min(l.tokens+rate/8*(w.now-l.filled).Seconds(), rate/8*0.05)
		l.filled = w.now
		if l.tokens < float64(size) {
			return 0, false
		}
		l.tokens -= float64(size)
		l.free = w.now
	} else {
		if l.free-w.now > l.queue {
			return 0, false
		}
		l.free = max(l.free, w.now) + time.Duration(float64(size)*8/rate*float64(time.Second))
	}
	if w.random.Float64() < l.loss {
		return 0, false
	}
	return l.free + l.rtt/2 + time.Duration(w.random.Int64N(int64(l.jitter)+1)), true
}

// viewer is a peer connection over the line: sound, and a picture of several layers.
type viewer struct {
	w        *world
	path     *Path
	number   uint16
	recorder *twcc.Recorder
	skew     media.Time // between the clocks

	layers  []media.Bitrate
	layer   int // -1: paused
	keyEach time.Duration
	keyAt   media.Time

	sentBytes, cameBytes int
	audioSent, audioCame int
	worst                time.Duration // delay of sound
	switches             int
	probing              bool
	stall                func() time.Duration // of the receiver: what comes meanwhile is stamped afterwards
	stalled              media.Time
}

const soundRate = 48_000

func (w *world) view(layers ...media.Bitrate) *viewer {
	v := &viewer{w: w, recorder: twcc.NewRecorder(1), skew: 17 * time.Minute, layers: layers, layer: len(layers) - 1, number: 65000}
	v.path = w.link.Open(v.probe)
	w.every(20*time.Millisecond, func() { v.send(120, true) })
	if len(layers) > 0 {
		w.every(time.Second/30, v.frame)
	}
	w.at(w.now+time.Duration(w.random.Int64N(int64(100*time.Millisecond))), func() { w.every(100*time.Millisecond, v.report) })
	return v
}

func (v *viewer) frame() {
	if v.layer < 0 {
		return
	}
	size := float64(v.layers[v.layer]) / 8 / 30 * (0.7 + 0.6*v.w.random.Float64())
	if v.keyEach > 0 && v.w.now >= v.keyAt {
		v.keyAt = v.w.now + v.keyEach
		size *= 8
	}
	for left := int(size); left > 0; left -= 1150 {
		v.send(min(left, 1150)+40, false)
	}
}

func (v *viewer) send(size int, sound bool) {
	v.number++
	number := v.number
	v.path.Sent(number, size, v.w.now)
	v.sentBytes += size
	if sound {
		v.audioSent++
	}
	sent := v.w.now
	at, ok := v.w.line.cross(v.w, size)
	if !ok {
		return
	}
	if v.stall != nil {
		if at >= v.stalled {
			v.stalled = at + v.stall()
		}
		at = v.stalled
	}
	v.w.at(at, func() {
		v.cameBytes += size
		if sound {
			v.audioCame++
			v.worst = max(v.worst, v.w.now-sent-v.w.line.rtt/2)
		}
		v.recorder.Record(7, number, (v.w.now + v.skew).Microseconds())
	})
}

func (v *viewer) report() {
	if v.recorder.PacketsHeld() == 0 {
		return
	}
	for _, p := range v.recorder.BuildFeedbackPacket() {
		raw, err := p.Marshal()
		if err != nil {
			v.w.t.Fatal(err)
		}
		v.w.at(v.w.now+v.w.line.rtt/2, func() {
			if _, ok := v.path.Feedback(raw[12:], v.w.now); !ok {
				v.w.t.Fatal("a sound feedback was refused")
			}
		})
	}
}

func (v *viewer) probe() {
	if v.probing {
		return
	}
	v.probing = true
	var again func()
	again = func() {
		bytes, more := v.path.Probe(v.w.now)
		for ; bytes > 0; bytes -= 255 {
			v.send(255+40, false)
		}
		if v.probing = more; more {
			v.w.at(v.w.now+10*time.Millisecond, again)
		}
	}
	v.w.at(v.w.now+time.Millisecond, again)
}

// allocate chooses as a simple allocator would: the highest that fits, for all alike.
func (w *world) allocate(all ...*viewer) {
	w.every(100*time.Millisecond, func() {
		budget := w.link.Budget()
		if budget != Unlimited {
			budget -= soundRate * media.Bitrate(len(all))
		}
		wants := media.Bitrate(0)
		better := media.Bitrate(0)
		for i, v := range all {
			share := budget
			if budget != Unlimited {
				share = budget / media.Bitrate(len(all)-i)
			}
			best := -1
			for k, rate := range v.layers {
				if float64(rate)*1.05 <= float64(share) {
					best = k
				}
			}
			if best != v.layer {
				v.switches++
				v.layer = best
			}
			now := media.Bitrate(soundRate)
			if best >= 0 {
				now += v.layers[best]
			}
			if budget != Unlimited {
				budget -= now - soundRate
			}
			wants += now
			if best+1 < len(v.layers) {
				more := v.layers[best+1]
				if best >= 0 {
					more -= v.layers[best]
				}
				if better == 0 || more < better {
					better = more
				}
			}
		}
		if better > 0 {
			better = media.Bitrate(1.1 * float64(wants+better))
		}
		w.link.Want(better, w.now)
		if w.trace != nil {
			w.trace(w)
		}
	})
}

func steady(r media.Bitrate) func(media.Time) media.Bitrate {
	return func(media.Time) media.Bitrate { return r }
}

// until lets time pass until something holds, and returns how long it took.
func (w *world) until(limit time.Duration, what string, ok func() bool) time.Duration {
	w.t.Helper()
	begun := w.now
	for !ok() {
		if w.now-begun > limit {
			w.t.Fatalf("not within %v: %s; budget %d, %+v", limit, what, w.link.Budget(), w.link.Stats())
		}
		w.run(10 * time.Millisecond)
	}
	return w.now - begun
}
