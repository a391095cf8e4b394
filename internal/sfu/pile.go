package sfu

import "sync/atomic"

// pile hands things from any goroutine to the one that takes them, without lock or allocation. A thing lies on
// it once at most.
type pile[T any] struct {
	top atomic.Pointer[place[T]]
	n   atomic.Int64 // on the pile
}

// place is a thing's place on a pile; the thing holds it.
type place[T any] struct {
	thing *T
	below *place[T]
	taken atomic.Bool
}

// put lays p on the pile and says whether it wasn't there.
func (l *pile[T]) put(p *place[T]) bool {
	if p.taken.Swap(true) {
		return false
	}
	l.n.Add(1)
	for {
		top := l.top.Load()
		p.below = top
		if l.top.CompareAndSwap(top, p) {
			return true
		}
	}
}

// each takes everything off the pile and calls f with it. What f is called with may be put back at once.
func (l *pile[T]) each(f func(*T)) {
	p := l.top.Swap(nil)
	for p != nil {
		below := p.below
		l.n.Add(-1)
		p.taken.Store(false)
		f(p.thing)
		p = below
	}
}
