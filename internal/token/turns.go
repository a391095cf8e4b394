package token

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// turns bounds how many signatures are checked at once, to half of the processors Go uses. A check takes half a
// millisecond of pure computing: when hundreds join at once, the packets of those who are there already would wait
// for a processor behind all of them.
type turns struct {
	next  atomic.Uint32
	gates []sync.Mutex
}

func newTurns() *turns {
	return &turns{gates: make([]sync.Mutex, max(1, runtime.GOMAXPROCS(0)/2))}
}

// take waits for a turn; the caller unlocks what it returns.
func (t *turns) take() *sync.Mutex {
	gate := &t.gates[t.next.Add(1)%uint32(len(t.gates))]
	gate.Lock()
	return gate
}
