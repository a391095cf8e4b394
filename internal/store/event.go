package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/proscenium-live/proscenium/internal/live"
)

// event is what of a live.Event has no column. Names stay as they are once released: rows hold them.
type event struct {
	Remote             live.ParticipantID   `json:"remote,omitempty"`
	ErrorCode          live.Reason          `json:"error_code,omitempty"`
	Replica            bool                 `json:"replica,omitempty"`
	DestinationStage   live.ARN             `json:"destination_stage,omitzero"`
	DestinationSession live.SessionID       `json:"destination_session,omitempty"`
	PreviousToken      *live.ExchangedToken `json:"previous_token,omitempty"`
	NewToken           *live.ExchangedToken `json:"new_token,omitempty"`
}

// InsertEvent adds what happened to a participant. One of the same id and time is there already and stays.
func (t *Tx) InsertEvent(ctx context.Context, stage live.StageID, session live.SessionID, e live.Event) error {
	body, err := json.Marshal(event{
		e.Remote, e.ErrorCode, e.Replica, e.DestinationStage, e.DestinationSession, e.PreviousToken, e.NewToken,
	})
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	_, err = t.sql.ExecContext(ctx, `INSERT INTO events (session, participant, at, id, stage, name, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (session, participant, at, id) DO NOTHING`,
		string(session), string(e.Participant), toMicros(e.At), e.ID, string(stage), string(e.Name), string(body))
	if err != nil {
		return fmt.Errorf("insert event: %w", err)
	}
	return nil
}

// Events returns at most limit events of a participant in a session that come after the cursor, latest first.
func (t *Tx) Events(
	ctx context.Context, stage live.StageID, session live.SessionID, who live.ParticipantID, after Cursor, limit int,
) ([]live.Event, error) {
	rows, err := t.sql.QueryContext(ctx, `SELECT id, name, participant, at, body FROM events
		WHERE session = $1 AND participant = $2 AND stage = $3 AND (at, id) < ($4, $5)
		ORDER BY at DESC, id DESC LIMIT $6`,
		string(session), string(who), string(stage), before(after), after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []live.Event
	for rows.Next() {
		var e live.Event
		var at int64
		var text string
		if err := rows.Scan(&e.ID, &e.Name, &e.Participant, &at, &text); err != nil {
			return nil, fmt.Errorf("read event: %w", err)
		}
		if err := readEvent(text, &e); err != nil {
			return nil, err
		}
		e.At = fromMicros(at)
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return all, nil
}

func readEvent(text string, e *live.Event) error {
	var b event
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return fmt.Errorf("read event %s: %w", e.ID, err)
	}
	e.Remote, e.ErrorCode, e.Replica = b.Remote, b.ErrorCode, b.Replica
	e.DestinationStage, e.DestinationSession = b.DestinationStage, b.DestinationSession
	e.PreviousToken, e.NewToken = b.PreviousToken, b.NewToken
	return nil
}

// SessionsOf returns at most limit sessions of a stage that come after the cursor, latest start first.
func (t *Tx) SessionsOf(ctx context.Context, stage live.StageID, after Cursor, limit int) ([]live.Session, error) {
	rows, err := t.sql.QueryContext(ctx, selectSession+` WHERE stage = $1 AND (started_at, id) < ($2, $3)
		ORDER BY started_at DESC, id DESC LIMIT $4`, string(stage), before(after), after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []live.Session
	for rows.Next() {
		s, err := scanSession(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return all, nil
}
