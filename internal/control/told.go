package control

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

const (
	defaultHistory = 60 * 24 * time.Hour
	defaultEvents  = 7 * 24 * time.Hour
	// pruned is how many records one transaction forgets: it takes about 10 ms, and those who write wait no longer.
	pruned = 500
)

// Added returns a channel that gets a token when there are new events for the outside. One may listen.
func (s *Service) Added() <-chan struct{} { return s.core.added }

func (c *core) tellAdded() {
	select {
	case c.added <- struct{}{}:
	default:
	}
}

// tell makes the event of which the outside is told, of an event of a participant; false if it is not told of it
// (control-plane.md 5: nobody is told of joining, leaving and subscribing).
func (c *core) tell(p live.Participant, e live.Event) (store.OutEvent, bool) {
	var source string
	var session live.SessionID
	if replica := p.Replication == live.ReplicationReplica; replica {
		source, session = p.SourceStage.Text(), p.SourceSession
	}
	var detail any
	switch e.Name {
	case live.PublishStarted, live.PublishStopped:
		name := live.EventPublished
		if e.Name == live.PublishStopped {
			name = live.EventUnpublished
		}
		detail = live.PublishDetail{
			Session: p.Session, Name: name, At: live.Seconds(e.At), AtPrecise: live.Micros(e.At), UserID: p.UserID,
			Participant: p.ID, Replica: source != "", SourceStage: source, SourceSession: session,
		}
	case live.PublishFailed:
		detail = live.PublishErrorDetail{
			Session: p.Session, Name: live.EventPublishError, At: live.Nanos(e.At), UserID: p.UserID, Participant: p.ID,
			ErrorCode: e.ErrorCode, Replica: source != "", SourceStage: source, SourceSession: session,
		}
	case live.ReplicationStarted, live.ReplicationEnded:
		name := live.EventReplicationStart
		if e.Name == live.ReplicationEnded {
			name = live.EventReplicationEnd
		}
		detail = live.ReplicationDetail{
			Session: p.Session, Name: name, At: live.Seconds(e.At), UserID: p.UserID, Participant: p.ID,
			DestinationStage: e.DestinationStage.Text(), DestinationSession: e.DestinationSession,
		}
	case live.TokenExchanged:
		if e.PreviousToken == nil || e.NewToken == nil {
			return store.OutEvent{}, false
		}
		detail = live.TokenDetail{
			Session: p.Session, Name: live.EventTokenExchanged, At: live.Seconds(e.At), UserID: p.UserID, Participant: p.ID,
			Previous: said(e.PreviousToken), New: said(e.NewToken),
		}
	default:
		return store.OutEvent{}, false
	}
	told := live.BridgeEvent{
		ID: newUUID(), DetailType: live.StageUpdate, Account: c.home.Account, At: e.At, Region: c.home.Region,
		Resource: c.home.ARN(live.TypeStage, string(p.Stage)), Detail: detail,
	}
	text, err := told.Text()
	if err != nil {
		panic("control: an event cannot be written: " + err.Error())
	}
	return store.OutEvent{ID: told.ID, Stage: p.Stage, At: e.At, Body: text}, true
}

// said writes what a token said as an event has it.
func said(t *live.ExchangedToken) live.TokenSaid {
	out := live.TokenSaid{
		Capabilities: []live.Capability{}, Attributes: t.Attributes, UserID: t.UserID, ExpiresAt: live.Seconds(t.ExpiresAt),
	}
	if out.Attributes == nil {
		out.Attributes = map[string]string{}
	}
	if t.Capabilities.Subscribe {
		out.Capabilities = append(out.Capabilities, live.CanSubscribe)
	}
	if t.Capabilities.Publish {
		out.Capabilities = append(out.Capabilities, live.CanPublish)
	}
	return out
}

// newUUID makes a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// pruneHistory forgets sessions and events that are old enough, a little at a time, so that nobody waits for it.
func (c *core) pruneHistory(ctx context.Context, now time.Time) error {
	for _, prune := range []func(*store.Tx) (int64, error){
		func(tx *store.Tx) (int64, error) { return tx.PruneHistory(ctx, now.Add(-c.keepHistory), pruned) },
		func(tx *store.Tx) (int64, error) { return tx.PruneOut(ctx, now.Add(-c.keepEvents), pruned) },
	} {
		for {
			var n int64
			err := c.store.Write(ctx, func(tx *store.Tx) (err error) {
				n, err = prune(tx)
				return err
			})
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

// takeLeave writes down for those whom an earlier life of this node left connected that they stopped what they did
// and left, so that nobody's record or events end in the middle.
func (c *core) takeLeave(ctx context.Context) error {
	var left []live.Participant
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		left, err = tx.LeftIn(ctx, c.node)
		return err
	})
	for len(left) > 0 && err == nil {
		some := left[:min(len(left), 50)]
		left = left[len(some):]
		err = c.store.Write(ctx, func(tx *store.Tx) error {
			for _, p := range some {
				ends, err := c.endsOf(ctx, tx, p)
				if err != nil {
					return err
				}
				if err := c.apply(ctx, tx, ends); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("take leave of those left connected: %w", err)
	}
	c.tellAdded()
	return nil
}

// endsOf returns what ends what a participant was doing when it was left: its subscriptions, its publication, its
// stay.
func (c *core) endsOf(ctx context.Context, tx *store.Tx, p live.Participant) ([]live.Fact, error) {
	open, replicas := map[live.ParticipantID]bool{}, map[live.ParticipantID]bool{}
	var watched []live.ParticipantID // in the order of their end
	publishing, last := false, c.moment()
	seen := map[string]bool{} // what has been decided, as events come latest first
	for after := (store.Cursor{}); ; {
		events, err := tx.Events(ctx, p.Stage, p.Session, p.ID, after, pruned)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if !e.At.Before(last) {
				last = e.At.Add(time.Microsecond)
			}
			switch e.Name {
			case live.PublishStarted, live.PublishStopped:
				if !seen["publish"] {
					seen["publish"], publishing = true, e.Name == live.PublishStarted
				}
			case live.SubscribeStarted, live.SubscribeStopped:
				if key := "to " + string(e.Remote); !seen[key] {
					seen[key], open[e.Remote] = true, e.Name == live.SubscribeStarted
					watched = append(watched, e.Remote)
					replicas[e.Remote] = e.Replica
				}
			}
		}
		if len(events) < pruned {
			break
		}
		oldest := events[len(events)-1]
		after = store.Cursor{At: oldest.At, ID: oldest.ID}
	}
	var ends []live.Fact
	end := func(name live.FactName, remote live.ParticipantID) {
		ends = append(ends, live.Fact{
			Name: name, Stage: p.Stage, Session: p.Session, Participant: p.ID, Remote: remote, UserID: p.UserID,
			At:      last.Add(time.Duration(len(ends)) * time.Microsecond),
			Replica: replicas[remote] || p.Replication == live.ReplicationReplica,
		})
	}
	for _, remote := range watched {
		if open[remote] {
			end(live.SubscribeStopped, remote)
		}
	}
	if publishing {
		end(live.PublishStopped, "")
	}
	end(live.ParticipantLeft, "")
	return ends, nil
}
