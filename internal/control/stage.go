package control

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Stages are the rooms that stay.
type Stages struct{ *core }

// Create makes a stage and the tokens asked for with it, in their order. It returns Exhausted if the account
// has all the stages it may have, and Invalid if the request breaks a rule; then nothing has been made.
func (s *Stages) Create(ctx context.Context, r CreateStage) (live.Stage, []live.IssuedToken, error) {
	stage, err := s.newStage(r)
	if err != nil {
		return live.Stage{}, nil, err
	}
	if len(r.Tokens) > s.quotas.TokensPerStage {
		return live.Stage{}, nil, exhausted("tokens in one CreateStage", s.quotas.TokensPerStage)
	}
	var tokens []live.IssuedToken
	for _, t := range r.Tokens {
		issued, err := s.issue(stage.ARN, t)
		if err != nil {
			return live.Stage{}, nil, err
		}
		tokens = append(tokens, issued)
	}
	if err := s.insert(ctx, stage); err != nil {
		return live.Stage{}, nil, err
	}
	return stage, tokens, nil
}

// newStage checks the request and fills in the defaults.
func (s *Stages) newStage(r CreateStage) (live.Stage, error) {
	if err := checkName(r.Name); err != nil {
		return live.Stage{}, err
	}
	if err := checkTags(r.Tags); err != nil {
		return live.Stage{}, err
	}
	if err := s.checkTagCount(len(r.Tags)); err != nil {
		return live.Stage{}, err
	}
	recording, err := s.recording(r.Recording)
	if err != nil {
		return live.Stage{}, err
	}
	id := live.NewStageID()
	tags := live.Tags{}
	maps.Copy(tags, r.Tags)
	return live.Stage{
		ID:        id,
		ARN:       s.home.ARN(live.TypeStage, string(id)),
		Name:      r.Name,
		Tags:      tags,
		Recording: recording,
		CreatedAt: s.now().UTC().Truncate(time.Microsecond),
		Endpoints: s.endpoints,
	}, nil
}

// insert adds the stage if the quota allows one more.
func (s *Stages) insert(ctx context.Context, stage live.Stage) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if limit := s.quotas.Stages; limit > 0 {
			if err := tx.Lock(ctx, "stages of "+s.home.Account+" in "+s.home.Region); err != nil {
				return err
			}
			n, err := tx.CountStages(ctx, s.home)
			if err != nil {
				return err
			}
			if n >= limit {
				return exhaustedSetting("stages", limit, "quotas.stages")
			}
		}
		if err := s.records(ctx, tx, stage.Recording, live.Invalid); err != nil {
			return err
		}
		return tx.InsertStage(ctx, stage)
	})
}

// recording returns the settings to keep. Without a storage configuration they are the defaults
// (control-plane.md 1.13).
func (s *Stages) recording(r *live.Recording) (live.Recording, error) {
	usual := live.DefaultRecording()
	if r == nil || r.Storage == "" {
		return usual, nil
	}
	arn, err := live.ParseARN(r.Storage)
	if err != nil {
		return live.Recording{}, err
	}
	if err := s.home.Check(arn, live.TypeStorageConfiguration); err != nil {
		return live.Recording{}, err
	}
	full := *r
	if len(full.MediaTypes) == 0 {
		full.MediaTypes = usual.MediaTypes
	}
	if len(full.ThumbnailStore) == 0 {
		full.ThumbnailStore = usual.ThumbnailStore
	}
	full.ThumbnailMode = cmp.Or(full.ThumbnailMode, usual.ThumbnailMode)
	full.ThumbnailEvery = cmp.Or(full.ThumbnailEvery, usual.ThumbnailEvery)
	full.SegmentTarget = cmp.Or(full.SegmentTarget, usual.SegmentTarget)
	if full.ThumbnailMode != "INTERVAL" && full.ThumbnailEvery != usual.ThumbnailEvery {
		return live.Recording{}, live.Errorf(live.Invalid,
			"thumbnailConfiguration.targetIntervalSeconds needs the recordingMode INTERVAL, it is %s", full.ThumbnailMode)
	}
	return full, nil
}

// records keeps the storage configuration that a stage is to record to from being deleted until the transaction
// ends. One that does not exist is a failure of the kind absent.
func (s *Stages) records(ctx context.Context, tx *store.Tx, r live.Recording, absent live.Kind) error {
	if r.Storage == "" {
		return nil
	}
	arn, err := live.ParseARN(r.Storage)
	if err != nil {
		return err
	}
	return as(absent, missing(tx.LockRecord(ctx, arn), arn))
}

// notRecording returns Conflict while someone on the stage is recorded.
func (s *Stages) notRecording(ctx context.Context, tx *store.Tx, stage live.Stage) error {
	if stage.ActiveSession == "" {
		return nil
	}
	for _, state := range []live.RecordingState{"STARTING", "ACTIVE", "STOPPING"} {
		recorded, err := tx.ListParticipants(ctx, store.Participants{
			Stage: stage.ID, Session: stage.ActiveSession, Recording: state,
		}, store.Cursor{}, 1)
		if err != nil {
			return err
		}
		if len(recorded) > 0 {
			return live.Errorf(live.Conflict,
				"autoParticipantRecordingConfiguration cannot change while participant %s is recorded", recorded[0].ID)
		}
	}
	return nil
}

// Get returns a stage, or NotFound.
func (s *Stages) Get(ctx context.Context, arn live.ARN) (live.Stage, error) {
	if err := s.stageARN(arn); err != nil {
		return live.Stage{}, err
	}
	var stage live.Stage
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		stage, err = tx.Stage(ctx, arn)
		return err
	})
	stage.Endpoints = s.endpoints
	return stage, noStage(err, arn)
}

// Update changes what the request names and returns the stage as it is then.
func (s *Stages) Update(ctx context.Context, r UpdateStage) (live.Stage, error) {
	if err := s.stageARN(r.ARN); err != nil {
		return live.Stage{}, err
	}
	if r.Name != nil {
		if err := checkName(*r.Name); err != nil {
			return live.Stage{}, err
		}
	}
	var recording live.Recording
	if r.Recording != nil {
		var err error
		if recording, err = s.recording(r.Recording); err != nil {
			return live.Stage{}, err
		}
	}
	var stage live.Stage
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if stage, err = tx.LockStage(ctx, r.ARN); err != nil {
			return err
		}
		if r.Name != nil {
			stage.Name = *r.Name
		}
		if r.Recording != nil && !reflect.DeepEqual(recording, stage.Recording) {
			if err := firstOf(s.notRecording(ctx, tx, stage), s.records(ctx, tx, recording, live.NotFound)); err != nil {
				return err
			}
			stage.Recording = recording
		}
		return tx.UpdateStage(ctx, stage)
	})
	stage.Endpoints = s.endpoints
	return stage, noStage(err, r.ARN)
}

// Delete removes a stage and ends its session; participants have left, or are leaving, when it returns, and what
// is composed of it or shown from or on it ends. Ingest configurations lose it. It returns NotFound if there is no
// such stage.
func (s *Stages) Delete(ctx context.Context, arn live.ARN) error {
	if err := s.stageARN(arn); err != nil {
		return err
	}
	var composed []live.Composition
	var shown []live.Replication
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		stage, err := tx.LockStage(ctx, arn)
		if err != nil {
			return err
		}
		if composed, err = s.stopCompositionsOf(ctx, tx, arn); err != nil {
			return err
		}
		if shown, err = s.endReplicationsOf(ctx, tx, arn, ""); err != nil {
			return err
		}
		if err := s.detachIngests(ctx, tx, arn, ""); err != nil {
			return err
		}
		if stage.ActiveSession != "" {
			if err := tx.EndSession(ctx, stage.ID, stage.ActiveSession, s.now()); err != nil {
				return err
			}
		}
		return tx.DeleteStage(ctx, arn)
	})
	if err != nil {
		return noStage(err, arn)
	}
	id := live.StageID(arn.ID)
	s.orders.give(ctx, bus.CloseStage(id), live.CloseStage{Stage: id})
	for _, it := range composed {
		s.halt(ctx, it, live.CompositionFailed, "Stage has been deleted")
	}
	if len(shown) > 0 {
		s.tellAdded()
	}
	for _, r := range shown {
		s.unshow(ctx, r)
	}
	return nil
}

// List returns a page of the stages, newest first, and the token of the next page, "" if this is the last.
// However stages come and go between two pages, one that stays is on exactly one page.
func (s *Stages) List(ctx context.Context, p Page) (items []live.Stage, next string, err error) {
	size, err := p.size()
	if err != nil {
		return nil, "", err
	}
	list := "stages/" + s.home.Account + "/" + s.home.Region
	after, err := s.pages.place(list, p.Token)
	if err != nil {
		return nil, "", err
	}
	err = s.store.Read(ctx, func(tx *store.Tx) (err error) {
		items, err = tx.Stages(ctx, s.home, after, size+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(items) > size {
		items = items[:size]
		last := items[size-1]
		next = s.pages.token(list, store.Cursor{At: last.CreatedAt, ID: string(last.ID)})
	}
	for i := range items {
		items[i].Endpoints = s.endpoints
	}
	return items, next, nil
}
