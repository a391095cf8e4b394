package control

import (
	"context"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/token"
)

// barFor is how long a participant stays barred: until every token of the same id that exists now has expired,
// also one from an issuer whose clock is ahead.
const barFor = token.MaxLife + token.Leeway

// Participants are who takes part in sessions.
type Participants struct{ *core }

// Disconnect bars a participant from a stage and makes it leave if it is there. The bar holds on every node and
// across restarts, and for ids that have never joined. Reason reaches the participant. It returns NotFound if
// there is no such stage, and Exhausted if too many are barred from it.
func (p *Participants) Disconnect(
	ctx context.Context, stage live.ARN, id live.ParticipantID, reason string,
) error {
	if err := p.stageARN(stage); err != nil {
		return err
	}
	if !id.Valid() {
		return live.Errorf(live.Invalid, "participantId is not 1 to 64 letters, digits, - and _")
	}
	if err := checkText("reason", reason, maxReason); err != nil {
		return err
	}
	var shown []live.Replication
	err := p.store.Write(ctx, func(tx *store.Tx) (err error) {
		if err := p.bar(ctx, tx, stage, id); err != nil {
			return err
		}
		// An encoder would come back by itself.
		if err := p.detachIngests(ctx, tx, stage, id); err != nil {
			return err
		}
		shown, err = p.endReplicationsOf(ctx, tx, stage, id)
		return err
	})
	if err != nil {
		return noStage(err, stage)
	}
	topic := live.StageID(stage.ID)
	p.orders.give(ctx, bus.DisconnectParticipant(topic),
		live.DisconnectParticipant{Stage: topic, Participant: id, Message: reason})
	if len(shown) > 0 {
		p.tellAdded()
	}
	for _, r := range shown {
		p.unshow(ctx, r)
	}
	return nil
}

func (c *core) bar(ctx context.Context, tx *store.Tx, arn live.ARN, id live.ParticipantID) error {
	stage, err := tx.LockStage(ctx, arn)
	if err != nil {
		return err
	}
	now := c.now()
	others, err := tx.CountBarred(ctx, stage.ID, id, now)
	if err != nil {
		return err
	}
	if limit := c.quotas.BarredPerStage; others >= limit {
		return exhausted("participants barred from one stage", limit)
	}
	return tx.Bar(ctx, stage.ID, id, now.Add(barFor).Truncate(time.Microsecond))
}
