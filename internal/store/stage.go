package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Cursor is a place in a list that runs from the newest to the oldest, ties by falling id. The zero value is
// the place before the first. It stays good while records come and go.
type Cursor struct {
	At time.Time
	ID string
}

const (
	stageColumns = `stages.id, stages.region, stages.account, stages.name, stages.tags, stages.recording,
		stages.created_at`
	selectStage = `SELECT ` + stageColumns + `, COALESCE(sessions.id, '') FROM stages
		LEFT JOIN sessions ON sessions.stage = stages.id AND sessions.ended_at IS NULL`
)

// InsertStage adds a stage. Endpoints and ActiveSession are not kept with it.
func (t *Tx) InsertStage(ctx context.Context, s live.Stage) error {
	tags, recording, err := encodeStage(s)
	if err != nil {
		return err
	}
	_, err = t.sql.ExecContext(ctx, `INSERT INTO stages
		(id, region, account, name, tags, recording, storage, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		string(s.ID), s.ARN.Region, s.ARN.Account, s.Name, tags, recording, s.Recording.Storage, toMicros(s.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert stage: %w", err)
	}
	return nil
}

// Stage returns the stage that arn names, or ErrNotFound. Account and region count as much as the id.
func (t *Tx) Stage(ctx context.Context, arn live.ARN) (live.Stage, error) {
	return scanStage(t.sql.QueryRowContext(ctx,
		selectStage+` WHERE stages.id = $1 AND stages.account = $2 AND stages.region = $3`,
		arn.ID, arn.Account, arn.Region))
}

// LockStage returns a stage as Stage does, and keeps others from changing or deleting it until the transaction
// ends.
func (t *Tx) LockStage(ctx context.Context, arn live.ARN) (live.Stage, error) {
	// An update that changes nothing takes the row in both databases; FOR UPDATE is known to one of them only.
	_, err := t.sql.ExecContext(ctx,
		`UPDATE stages SET name = name WHERE id = $1 AND account = $2 AND region = $3`, arn.ID, arn.Account, arn.Region)
	if err != nil {
		return live.Stage{}, fmt.Errorf("lock stage: %w", err)
	}
	return t.Stage(ctx, arn)
}

// UpdateStage writes name, tags and recording of a stage that was locked.
func (t *Tx) UpdateStage(ctx context.Context, s live.Stage) error {
	tags, recording, err := encodeStage(s)
	if err != nil {
		return err
	}
	_, err = t.sql.ExecContext(ctx, `UPDATE stages SET name = $1, tags = $2, recording = $3, storage = $4
		WHERE id = $5`, s.Name, tags, recording, s.Recording.Storage, string(s.ID))
	if err != nil {
		return fmt.Errorf("update stage: %w", err)
	}
	return nil
}

// DeleteStage removes a stage with its tags and bars, or returns ErrNotFound. Its sessions stay.
func (t *Tx) DeleteStage(ctx context.Context, arn live.ARN) error {
	n, err := affected(t.sql.ExecContext(ctx, `DELETE FROM stages WHERE id = $1 AND account = $2 AND region = $3`,
		arn.ID, arn.Account, arn.Region))
	if err != nil {
		return fmt.Errorf("delete stage: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

// Stages returns at most limit stages of the home that come after the cursor, newest first.
func (t *Tx) Stages(ctx context.Context, home live.Home, after Cursor, limit int) ([]live.Stage, error) {
	return collect(ctx, t, "stages", scanStage, selectStage+` WHERE stages.account = $1 AND stages.region = $2
		AND (stages.created_at, stages.id) < ($3, $4)
		ORDER BY stages.created_at DESC, stages.id DESC LIMIT $5`,
		home.Account, home.Region, before(after), after.ID, limit)
}

// CountStagesStoring returns how many stages record to a storage configuration.
func (t *Tx) CountStagesStoring(ctx context.Context, storage live.ARN) (int, error) {
	var n int
	err := t.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM stages WHERE storage = $1`, storage.String()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count stages: %w", err)
	}
	return n, nil
}

// CountStages returns the number of stages of the home. Who counts in order to add takes Lock before.
func (t *Tx) CountStages(ctx context.Context, home live.Home) (int, error) {
	var n int
	err := t.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM stages WHERE account = $1 AND region = $2`,
		home.Account, home.Region).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count stages: %w", err)
	}
	return n, nil
}

func scanStage(row scanner) (live.Stage, error) {
	var s live.Stage
	var tags, recording string
	var created int64
	err := row.Scan(&s.ID, &s.ARN.Region, &s.ARN.Account, &s.Name, &tags, &recording, &created, &s.ActiveSession)
	if errors.Is(err, sql.ErrNoRows) {
		return live.Stage{}, ErrNotFound
	}
	if err != nil {
		return live.Stage{}, fmt.Errorf("read stage: %w", err)
	}
	s.ARN.Type, s.ARN.ID = live.TypeStage, string(s.ID)
	s.CreatedAt = fromMicros(created)
	if err := json.Unmarshal([]byte(tags), &s.Tags); err != nil {
		return live.Stage{}, fmt.Errorf("read tags of stage %s: %w", s.ID, err)
	}
	if s.Recording, err = decodeRecording(recording); err != nil {
		return live.Stage{}, fmt.Errorf("read recording of stage %s: %w", s.ID, err)
	}
	return s, nil
}

func encodeStage(s live.Stage) (tags, recording string, err error) {
	if tags, err = encodeTags(s.Tags); err != nil {
		return "", "", err
	}
	recording, err = encodeRecording(s.Recording)
	return tags, recording, err
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
