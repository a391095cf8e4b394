package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// openSession answers a host that wants to open, or go on with, a stage's session.
func (c *core) openSession(ctx context.Context, r live.OpenSession) (live.SessionGrant, error) {
	arn := c.home.ARN(live.TypeStage, string(r.Stage))
	var grant live.SessionGrant
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		grant = live.SessionGrant{Stage: arn.String()}
		// The lock orders us and DeleteStage: whoever comes second sees what the first did.
		if _, err := tx.LockStage(ctx, arn); err != nil {
			return err
		}
		session, err := c.sessionFor(ctx, tx, r)
		if err != nil {
			return err
		}
		grant.Session = session
		grant.Barred, err = tx.Barred(ctx, r.Stage, c.now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return live.SessionGrant{Refused: live.StageNotFound, Message: "stage deleted"}, nil
	}
	if err != nil {
		c.log.Error("session not opened", "stage_id", r.Stage, "node_id", r.Node, "error", err)
		return live.SessionGrant{}, errors.New("the records cannot be reached")
	}
	return grant, nil
}

// sessionFor continues the stage's session on the node, or opens one.
func (c *core) sessionFor(ctx context.Context, tx *store.Tx, r live.OpenSession) (live.SessionID, error) {
	active, err := tx.ActiveSession(ctx, r.Stage)
	switch {
	case err == nil && active.Node == r.Node:
		return active.ID, nil
	case err == nil:
		// Until nodes form a cluster, the other one is this server with a data directory it has lost.
		c.log.Warn("session of another node ended", "session_id", active.ID, "node_id", active.Node)
		if err := tx.EndSession(ctx, r.Stage, active.ID, c.now()); err != nil {
			return "", err
		}
	case !errors.Is(err, store.ErrNotFound):
		return "", err
	}
	fresh := live.Session{ID: live.NewSessionID(), Stage: r.Stage, Node: r.Node, StartedAt: c.now()}
	return fresh.ID, tx.InsertSession(ctx, fresh)
}

// closeSession notes that a host has ended a session. Telling it twice does no harm.
func (c *core) closeSession(ctx context.Context, r live.SessionClosed) (struct{}, error) {
	at := c.now()
	if !r.At.IsZero() && r.At.Before(at) {
		at = r.At
	}
	err := c.store.Write(ctx, func(tx *store.Tx) error { return tx.EndSession(ctx, r.Stage, r.Session, at) })
	if err != nil {
		c.log.Error("session not closed", "session_id", r.Session, "error", err)
		return struct{}{}, errors.New("the records cannot be reached")
	}
	return struct{}{}, nil
}

// endLeftSessions ends what an earlier life of this node left open: its participants have gone with it.
func (c *core) endLeftSessions(ctx context.Context) error {
	var n int64
	err := c.store.Write(ctx, func(tx *store.Tx) (err error) {
		n, err = tx.EndSessionsOfNode(ctx, c.node, c.now().Truncate(time.Microsecond))
		return err
	})
	if err != nil {
		return fmt.Errorf("end sessions left open: %w", err)
	}
	if n > 0 {
		c.log.Info("sessions left open ended", "sessions", n)
	}
	return nil
}
