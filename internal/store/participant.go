package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
)

// A participant is connected only while its session lasts: who was there when a node was lost has left.
const selectParticipant = `SELECT participants.id, participants.stage, participants.session, user_id, attributes,
	CASE WHEN connected = 1 AND sessions.ended_at IS NULL THEN 1 ELSE 0 END, published, protocol, client,
	recording, recording_bucket, recording_prefix, replication, replication_state, source_stage, source_session,
	redundant, ingest, joined_at
	FROM participants JOIN sessions ON sessions.id = participants.session AND sessions.stage = participants.stage`

// PutParticipant adds someone's part in a session, or writes all of it anew but the time of the first join.
func (t *Tx) PutParticipant(ctx context.Context, p live.Participant) error {
	attributes, err := encodeAttributes(p.Attributes)
	if err != nil {
		return err
	}
	client, err := json.Marshal(p.Client)
	if err != nil {
		return fmt.Errorf("write client: %w", err)
	}
	_, err = t.sql.ExecContext(ctx, `INSERT INTO participants
		(id, stage, session, user_id, attributes, connected, published, protocol, client, recording, recording_bucket,
		recording_prefix, replication, replication_state, source_stage, source_session, redundant, ingest, joined_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (session, id) DO UPDATE SET user_id = excluded.user_id, attributes = excluded.attributes,
		connected = excluded.connected, published = excluded.published, protocol = excluded.protocol,
		client = excluded.client, recording = excluded.recording, recording_bucket = excluded.recording_bucket,
		recording_prefix = excluded.recording_prefix, replication = excluded.replication,
		replication_state = excluded.replication_state, source_stage = excluded.source_stage,
		source_session = excluded.source_session, redundant = excluded.redundant, ingest = excluded.ingest`,
		string(p.ID), string(p.Stage), string(p.Session), column(p.UserID), attributes, truth(p.Connected), truth(p.Published),
		p.Protocol, string(client), string(p.Recording), p.RecordingBucket, p.RecordingPrefix, string(p.Replication),
		string(p.ReplicationState), p.SourceStage.Text(), string(p.SourceSession), truth(p.Redundant), p.Ingest.Text(),
		toMicros(p.JoinedAt))
	if err != nil {
		return fmt.Errorf("write participant: %w", err)
	}
	return nil
}

// Participant returns someone's part in a session of a stage, or ErrNotFound.
func (t *Tx) Participant(
	ctx context.Context, stage live.StageID, session live.SessionID, id live.ParticipantID,
) (live.Participant, error) {
	return scanParticipant(t.sql.QueryRowContext(ctx, selectParticipant+
		` WHERE participants.session = $1 AND participants.id = $2 AND participants.stage = $3`,
		string(session), string(id), string(stage)))
}

// Participants says which participants of a session are meant: those that match all that is set.
type Participants struct {
	Stage     live.StageID
	Session   live.SessionID
	UserID    string
	Published *bool
	Connected *bool
	Recording live.RecordingState
}

// where returns the condition and its arguments.
func (q Participants) where() (string, []any) {
	args := []any{string(q.Session), string(q.Stage)}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	text := ` WHERE participants.session = $1 AND participants.stage = $2`
	if q.UserID != "" {
		text += ` AND user_id = ` + arg(column(q.UserID))
	}
	if q.Published != nil {
		text += ` AND published = ` + arg(truth(*q.Published))
	}
	if q.Connected != nil {
		text += ` AND CASE WHEN connected = 1 AND sessions.ended_at IS NULL THEN 1 ELSE 0 END = ` + arg(truth(*q.Connected))
	}
	if q.Recording != "" {
		text += ` AND recording = ` + arg(string(q.Recording))
	}
	return text, args
}

// ListParticipants returns at most limit participants that come after the cursor, latest first join first.
func (t *Tx) ListParticipants(ctx context.Context, q Participants, after Cursor, limit int) ([]live.Participant, error) {
	where, args := q.where()
	n := len(args)
	args = append(args, before(after), after.ID, limit)
	return collect(ctx, t, "participants", scanParticipant, fmt.Sprintf(`%s%s AND (joined_at, participants.id) < ($%d, $%d)
		ORDER BY joined_at DESC, participants.id DESC LIMIT $%d`, selectParticipant, where, n+1, n+2, n+3), args...)
}

func scanParticipant(from scanner) (live.Participant, error) {
	var p live.Participant
	var attributes, client, source, ingest string
	var joined int64
	err := from.Scan(&p.ID, &p.Stage, &p.Session, &p.UserID, &attributes, &p.Connected, &p.Published, &p.Protocol, &client,
		&p.Recording, &p.RecordingBucket, &p.RecordingPrefix, &p.Replication, &p.ReplicationState, &source,
		&p.SourceSession, &p.Redundant, &ingest, &joined)
	if errors.Is(err, sql.ErrNoRows) {
		return p, ErrNotFound
	}
	if err != nil {
		return p, fmt.Errorf("read participant: %w", err)
	}
	p.JoinedAt = fromMicros(joined)
	err = errors.Join(json.Unmarshal([]byte(attributes), &p.Attributes), json.Unmarshal([]byte(client), &p.Client),
		p.SourceStage.UnmarshalText([]byte(source)), p.Ingest.UnmarshalText([]byte(ingest)))
	if err != nil {
		return p, fmt.Errorf("read participant %s: %w", p.ID, err)
	}
	return p, nil
}

func encodeAttributes(attributes map[string]string) (string, error) {
	if attributes == nil {
		attributes = map[string]string{}
	}
	text, err := json.Marshal(attributes)
	if err != nil {
		return "", fmt.Errorf("write attributes: %w", err)
	}
	return string(text), nil
}

// column is how a text of any characters is kept in a column of its own: PostgreSQL takes no NUL there.
func column(text string) string { return strings.ReplaceAll(text, "\x00", "\uFFFD") }

// truth is how truths are kept: the two databases have no type for them in common.
func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// before returns the time below which the list goes on.
func before(after Cursor) int64 {
	if after.At.IsZero() {
		return math.MaxInt64
	}
	return toMicros(after.At)
}
