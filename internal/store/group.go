package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// group has changes that come at once share one transaction, because SQLite waits for the disk at each commit
// and lets one write at a time: whoever's turn it is takes along what waits behind it. Each change keeps a
// savepoint of its own, so that one which fails undoes nothing of the others. A change that nobody waits
// behind is a transaction of its own.
//
// There is no goroutine: those who wait take turns.
type group struct {
	db   *sql.DB
	turn chan struct{} // has one place; who fills it writes

	mu    sync.Mutex
	queue []*joint
}

// joint is one change on its way.
type joint struct {
	gone   func() error // why the caller no longer waits, nil while it does
	change func(*Tx) error
	done   chan struct{} // closed when err or panicked says what became of it
	err    error
	thrown *thrown
}

// thrown is a panic of a change, on its way back to whom it belongs.
type thrown struct {
	value any
	stack []byte
}

// maxGroup bounds how long the first of a group waits for the last: a change takes about 100 µs.
const maxGroup = 64

func newGroup(db *sql.DB) *group { return &group{db: db, turn: make(chan struct{}, 1)} }

// write makes the change and returns when it is on the disk, or will never be. Ctx ends the wait for a turn.
func (g *group) write(ctx context.Context, change func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	j := &joint{gone: ctx.Err, change: change, done: make(chan struct{})}
	g.mu.Lock()
	g.queue = append(g.queue, j)
	g.mu.Unlock()
	select {
	case <-j.done:
	case g.turn <- struct{}{}:
		g.lead(j)
	case <-ctx.Done():
		if g.withdraw(j) {
			return fmt.Errorf("begin transaction: %w", ctx.Err())
		}
		<-j.done // it is under way
	}
	if j.thrown != nil {
		panic(fmt.Sprintf("store: a change panicked: %v\n%s", j.thrown.value, j.thrown.stack))
	}
	return j.err
}

// lead writes until j is done, and passes the turn on.
func (g *group) lead(j *joint) {
	defer func() { <-g.turn }()
	for {
		select {
		case <-j.done:
			return
		default:
			g.commit(g.take())
		}
	}
}

func (g *group) take() []*joint {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.queue), maxGroup)
	batch := g.queue[:n:n]
	g.queue = append([]*joint(nil), g.queue[n:]...)
	return batch
}

// withdraw takes j out of the queue. False says that it is under way.
func (g *group) withdraw(j *joint) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.queue {
		if other == j {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			return true
		}
	}
	return false
}

// errGivenUp is what a change gets when another of its group ended the goroutine that wrote both.
var errGivenUp = errors.New("commit transaction: it was given up with another's")

// commit makes the changes of a batch and says to each what became of it.
func (g *group) commit(batch []*joint) {
	whole := errGivenUp // unless we come to the end
	defer func() {
		for _, j := range batch {
			if j.err == nil && j.thrown == nil {
				j.err = whole
			}
			close(j.done)
		}
	}()
	// Changes of several callers are in one transaction: no caller's going away may end it.
	ctx := context.Background()
	whole = once(ctx, g.db, nil, func(tx *Tx) error {
		tx = &Tx{sql: steady{tx.sql}}
		if len(batch) == 1 {
			batch[0].try(tx)
			return batch[0].failure()
		}
		for _, j := range batch {
			if err := j.nested(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// nested makes the change and undoes it if it fails. An error is the whole transaction's.
func (j *joint) nested(ctx context.Context, tx *Tx) error {
	if _, err := tx.sql.ExecContext(ctx, `SAVEPOINT change`); err != nil {
		return fmt.Errorf("begin change: %w", err)
	}
	j.try(tx)
	if j.failure() != nil {
		if _, err := tx.sql.ExecContext(ctx, `ROLLBACK TO change`); err != nil {
			return fmt.Errorf("undo change: %w", err)
		}
	}
	if _, err := tx.sql.ExecContext(ctx, `RELEASE change`); err != nil {
		return fmt.Errorf("end change: %w", err)
	}
	return nil
}

// try makes the change.
func (j *joint) try(tx *Tx) {
	defer func() {
		if v := recover(); v != nil {
			j.thrown = &thrown{v, debug.Stack()}
		}
	}()
	if j.err = j.change(tx); j.err != nil {
		return
	}
	if err := j.gone(); err != nil {
		j.err = fmt.Errorf("commit transaction: %w", err)
	}
}

// errPanicked ends the transaction of a change that panicked.
var errPanicked = errors.New("store: a change panicked")

func (j *joint) failure() error {
	if j.thrown != nil {
		return errPanicked
	}
	return j.err
}

// steady makes statements run to their end: SQLite undoes a whole transaction when one is interrupted.
type steady struct{ querier }

func (s steady) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return s.querier.ExecContext(context.WithoutCancel(ctx), query, args...)
}

func (s steady) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.querier.QueryContext(context.WithoutCancel(ctx), query, args...)
}

func (s steady) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return s.querier.QueryRowContext(context.WithoutCancel(ctx), query, args...)
}
