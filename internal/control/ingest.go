package control

import (
	"context"
	"maps"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Ingests are ingest configurations: stream keys by which encoders become participants.
type Ingests struct{ *core }

// ingestSecret is the length of the part of a stream key that nobody can guess: 202 bits.
const ingestSecret = 34

// Create makes an ingest configuration with its stream key and participant. It returns Invalid if plain RTMP is
// asked for without Insecure or the stage does not exist, and Exhausted if the account has all the ingest
// configurations it may have.
func (i *Ingests) Create(ctx context.Context, r CreateIngest) (live.Ingest, error) {
	fresh, err := i.newIngest(r)
	if err != nil {
		return live.Ingest{}, err
	}
	err = i.store.Write(ctx, func(tx *store.Tx) error {
		if err := i.onStage(ctx, tx, fresh.Stage, live.Invalid); err != nil {
			return err
		}
		return i.add(ctx, tx, &fresh,
			limit{i.quotas.IngestConfigurations, "ingest configurations", "quotas.ingest_configurations"})
	})
	if err != nil {
		return live.Ingest{}, err
	}
	return fresh, nil
}

// newIngest checks the request and makes what it does not say.
func (i *Ingests) newIngest(r CreateIngest) (live.Ingest, error) {
	base, err := i.newResource(live.TypeIngestConfiguration, r.Name, r.Tags)
	if err != nil {
		return live.Ingest{}, err
	}
	switch {
	case r.Protocol != live.IngestRTMP && r.Protocol != live.IngestRTMPS:
		return live.Ingest{}, live.Errorf(live.Invalid, "ingestProtocol is %q, allowed are RTMP and RTMPS", string(r.Protocol))
	case r.Protocol == live.IngestRTMP && !r.Insecure:
		return live.Ingest{}, live.Errorf(live.Invalid, "ingestProtocol RTMP needs insecureIngest to be true")
	}
	if err := checkText("userId", r.UserID, maxUserID); err != nil {
		return live.Ingest{}, err
	}
	if err := checkAttributes(r.Attributes); err != nil {
		return live.Ingest{}, err
	}
	if err := i.stageOrNone(r.Stage); err != nil {
		return live.Ingest{}, err
	}
	fresh := live.Ingest{
		Resource: base, Protocol: r.Protocol, Insecure: r.Insecure, Stage: r.Stage,
		Participant: live.NewParticipantID(), UserID: r.UserID, Attributes: maps.Clone(r.Attributes),
		State: live.IngestInactive,
	}
	fresh.StreamKey = i.newStreamKey(base.ARN.ID)
	if r.Redundant {
		i.makeRedundant(&fresh)
	}
	return fresh, nil
}

// makeRedundant gives an ingest two encoders. The first goes on with the key that is there.
func (i *Ingests) makeRedundant(in *live.Ingest) {
	in.Redundant = true
	in.Credentials = []live.IngestCredential{
		{Participant: live.NewParticipantID(), StreamKey: in.StreamKey},
		{Participant: live.NewParticipantID(), StreamKey: i.newStreamKey(in.ARN.ID)},
	}
}

// newStreamKey makes a stream key for an ingest configuration (control-plane.md 2).
func (i *Ingests) newStreamKey(id string) live.Secret {
	return live.Secret("rt_" + i.home.Account + "_" + i.home.Region + "_" + id + "_" + live.NewSecretText(ingestSecret))
}

// stageOrNone tells whether arn may name a stage, or names nothing.
func (i *Ingests) stageOrNone(arn live.ARN) error {
	if arn == (live.ARN{}) {
		return nil
	}
	return i.stageARN(arn)
}

// onStage keeps the stage from being deleted until the transaction ends. One that does not exist is a failure of
// the kind.
func (i *Ingests) onStage(ctx context.Context, tx *store.Tx, arn live.ARN, kind live.Kind) error {
	if arn == (live.ARN{}) {
		return nil
	}
	_, err := tx.LockStage(ctx, arn)
	return as(kind, noStage(err, arn))
}

// Get returns an ingest configuration with its stream keys, or NotFound.
func (i *Ingests) Get(ctx context.Context, arn live.ARN) (live.Ingest, error) {
	return get[live.Ingest](ctx, i.core, arn, live.TypeIngestConfiguration)
}

// Update changes what the request names. It returns Conflict while someone sends by the configuration, and
// NotFound if there is no such configuration or stage.
func (i *Ingests) Update(ctx context.Context, r UpdateIngest) (live.Ingest, error) {
	if err := i.home.Check(r.ARN, live.TypeIngestConfiguration); err != nil {
		return live.Ingest{}, err
	}
	if r.Stage != nil {
		if err := i.stageOrNone(*r.Stage); err != nil {
			return live.Ingest{}, err
		}
	}
	var changed live.Ingest
	err := i.store.Write(ctx, func(tx *store.Tx) (err error) {
		if r.Stage != nil {
			if err := i.onStage(ctx, tx, *r.Stage, live.NotFound); err != nil {
				return err
			}
		}
		changed, err = change(ctx, i.core, tx, r.ARN, func(in *live.Ingest) error { return i.apply(r, in) })
		return err
	})
	if err != nil {
		return live.Ingest{}, err
	}
	return changed, nil
}

func (i *Ingests) apply(r UpdateIngest, in *live.Ingest) error {
	if in.State == live.IngestActive {
		return live.Errorf(live.Conflict, "%s is in use: it cannot be changed while a participant publishes with it", r.ARN)
	}
	if r.Stage != nil {
		in.Stage = *r.Stage
	}
	switch {
	case r.Redundant == nil || *r.Redundant == in.Redundant:
	case *r.Redundant:
		i.makeRedundant(in)
	default:
		in.Redundant, in.Credentials = false, nil
	}
	return nil
}

// Delete removes an ingest configuration. While someone sends by it, it returns Conflict unless forced: then who
// sends is made to leave.
func (i *Ingests) Delete(ctx context.Context, arn live.ARN, force bool) error {
	var was live.Ingest
	err := i.remove(ctx, arn, live.TypeIngestConfiguration, func(tx *store.Tx) (err error) {
		if was, err = find[live.Ingest](ctx, i.core, tx, arn); err != nil {
			return err
		}
		if was.State == live.IngestActive && !force {
			return live.Errorf(live.Conflict, "%s is in use: stop the participant, or delete it with force", arn)
		}
		return nil
	})
	if err != nil || was.State != live.IngestActive || was.Stage == (live.ARN{}) {
		return err
	}
	topic := live.StageID(was.Stage.ID)
	for _, who := range ingestParticipants(&was) {
		i.orders.give(ctx, bus.DisconnectParticipant(topic), live.DisconnectParticipant{
			Stage: topic, Participant: who, Message: "the ingest configuration was deleted",
		})
	}
	return nil
}

// ingestParticipants returns everyone whom an ingest configuration lets in.
func ingestParticipants(in *live.Ingest) []live.ParticipantID {
	all := []live.ParticipantID{in.Participant}
	for _, c := range in.Credentials {
		all = append(all, c.Participant)
	}
	return all
}

// List returns a page of the ingest configurations that the filter lets pass, newest first.
func (i *Ingests) List(ctx context.Context, f IngestFilter, p Page) (items []live.Ingest, next string, err error) {
	q := store.Query{Type: live.TypeIngestConfiguration}
	if f.Stage != (live.ARN{}) {
		if f.State != "" {
			return nil, "", live.Errorf(live.Invalid, "at most one of filterByStageArn and filterByState may be given")
		}
		if err := i.stageARN(f.Stage); err != nil {
			return nil, "", err
		}
		q.Refers = []live.Reference{{Role: live.RefersStage, Target: f.Stage.String()}}
	}
	if f.State != "" {
		q.States = []string{string(f.State)}
	}
	return list[live.Ingest](ctx, i.core, q, p, ofFifty)
}

// detachIngests takes the stage from the ingest configurations that name it, so that an encoder which comes back
// by itself is refused. Who "" means all of them, otherwise the one that lets who in.
func (c *core) detachIngests(ctx context.Context, tx *store.Tx, stage live.ARN, who live.ParticipantID) error {
	q := store.Query{
		Home: c.home, Type: live.TypeIngestConfiguration,
		Refers: []live.Reference{{Role: live.RefersStage, Target: stage.String()}},
	}
	if who != "" {
		q.Refers = append(q.Refers, live.Reference{Role: live.RefersParticipant, Target: string(who)})
	}
	const some = 100
	for {
		found, err := store.ListRecords[live.Ingest](ctx, tx, q, store.Cursor{}, some)
		if err != nil {
			return err
		}
		for k := range found {
			found[k].Stage = live.ARN{}
			if err := tx.UpdateRecord(ctx, &found[k]); err != nil {
				return err
			}
		}
		if len(found) < some {
			return nil
		}
	}
}
