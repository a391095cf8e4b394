package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// part is something that runs while the node does.
type part struct {
	name string
	run  func(context.Context) error

	cancel  context.CancelFunc
	done    chan struct{}
	err     error // once done is closed
	running atomic.Bool
}

var errNotRunning = errors.New("not running")

// add has a part run from Run on. Parts are started in this order and stopped in reverse.
func (n *Node) add(name string, run func(context.Context) error) *part {
	p := &part{name: name, run: run, done: make(chan struct{})}
	n.running = append(n.running, p)
	return p
}

// start runs the part in a goroutine of its own; if it ends before it is told to, failed hears why.
func (p *part) start(failed chan<- error) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.running.Store(true)
	go func() {
		defer close(p.done)
		err := p.run(ctx)
		p.running.Store(false)
		if ctx.Err() != nil {
			if err != nil && !errors.Is(err, context.Canceled) {
				p.err = fmt.Errorf("stop %s: %w", p.name, err)
			}
			return
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		failed <- fmt.Errorf("%s: %w", p.name, err)
	}()
}

// stop tells the part to end and waits until it has.
func (p *part) stop(within time.Duration) error {
	p.cancel()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		return fmt.Errorf("stop %s: still running after %s", p.name, within)
	}
}

// ready returns nil while the part runs.
func (p *part) ready() error {
	if !p.running.Load() {
		return errNotRunning
	}
	return nil
}
