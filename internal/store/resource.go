package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Record is something with an ARN that is no stage: a pointer to a struct that embeds live.Resource. What the
// resource does not hold is kept as JSON: the names in it stay as they are once released.
type Record interface {
	Common() *live.Resource
	Secrets() []*live.Secret
	Status() string
	Refers() []live.Reference
}

// record is a pointer to T.
type record[T any] interface {
	*T
	Record
}

// InsertRecord adds a record with what it refers to.
func (t *Tx) InsertRecord(ctx context.Context, r Record) error {
	c := r.Common()
	row, err := encodeRecord(r)
	if err != nil {
		return err
	}
	_, err = t.sql.ExecContext(ctx, `INSERT INTO resources
		(type, id, region, account, name, tags, state, body, secrets, created_at, gone_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		string(c.ARN.Type), c.ARN.ID, c.ARN.Region, c.ARN.Account, c.Name, row.tags, r.Status(), row.body, row.secrets,
		toMicros(c.CreatedAt), toMicros(c.GoneAt))
	if err != nil {
		return fmt.Errorf("insert %s: %w", c.ARN.Type, err)
	}
	return t.insertRefers(ctx, r)
}

// UpdateRecord writes all of a record that was locked.
func (t *Tx) UpdateRecord(ctx context.Context, r Record) error {
	c := r.Common()
	row, err := encodeRecord(r)
	if err != nil {
		return err
	}
	_, err = t.sql.ExecContext(ctx, `UPDATE resources
		SET name = $1, tags = $2, state = $3, body = $4, secrets = $5, gone_at = $6 WHERE type = $7 AND id = $8`,
		c.Name, row.tags, r.Status(), row.body, row.secrets, toMicros(c.GoneAt), string(c.ARN.Type), c.ARN.ID)
	if err != nil {
		return fmt.Errorf("update %s: %w", c.ARN.Type, err)
	}
	_, err = t.sql.ExecContext(ctx, `DELETE FROM refers WHERE type = $1 AND id = $2`, string(c.ARN.Type), c.ARN.ID)
	if err != nil {
		return fmt.Errorf("update references of %s: %w", c.ARN.Type, err)
	}
	return t.insertRefers(ctx, r)
}

func (t *Tx) insertRefers(ctx context.Context, r Record) error {
	c := r.Common()
	for _, to := range r.Refers() {
		_, err := t.sql.ExecContext(ctx, `INSERT INTO refers (type, id, role, target) VALUES ($1, $2, $3, $4)`,
			string(c.ARN.Type), c.ARN.ID, string(to.Role), to.Target)
		if err != nil {
			return fmt.Errorf("insert reference of %s: %w", c.ARN.Type, err)
		}
	}
	return nil
}

// LockRecord keeps others from changing or deleting a record until the transaction ends, or returns
// ErrNotFound.
func (t *Tx) LockRecord(ctx context.Context, arn live.ARN) error {
	n, err := affected(t.sql.ExecContext(ctx,
		`UPDATE resources SET name = name WHERE type = $1 AND id = $2 AND account = $3 AND region = $4`,
		string(arn.Type), arn.ID, arn.Account, arn.Region))
	if err != nil {
		return fmt.Errorf("lock %s: %w", arn.Type, err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

// DeleteRecord removes a record, or returns ErrNotFound.
func (t *Tx) DeleteRecord(ctx context.Context, arn live.ARN) error {
	n, err := affected(t.sql.ExecContext(ctx,
		`DELETE FROM resources WHERE type = $1 AND id = $2 AND account = $3 AND region = $4`,
		string(arn.Type), arn.ID, arn.Account, arn.Region))
	if err != nil {
		return fmt.Errorf("delete %s: %w", arn.Type, err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

// PruneRecords forgets what has been shown no more since before the time, and returns how many those were.
func (t *Tx) PruneRecords(ctx context.Context, before time.Time) (int64, error) {
	n, err := affected(t.sql.ExecContext(ctx, `DELETE FROM resources WHERE gone_at > 0 AND gone_at <= $1`,
		toMicros(before)))
	if err != nil {
		return 0, fmt.Errorf("prune records: %w", err)
	}
	return n, nil
}

const selectRecord = `SELECT resources.type, resources.id, region, account, name, tags, body, secrets, created_at, gone_at`

// FindRecord returns the record that arn names, or ErrNotFound. Account and region count as much as the id.
func FindRecord[T any, P record[T]](ctx context.Context, t *Tx, arn live.ARN) (T, error) {
	return scanRecord[T, P](t.sql.QueryRowContext(ctx,
		selectRecord+` FROM resources WHERE type = $1 AND id = $2 AND account = $3 AND region = $4`,
		string(arn.Type), arn.ID, arn.Account, arn.Region))
}

// Query says which records are meant: those of a home and a type that match all the rest that is set.
type Query struct {
	Home   live.Home
	Type   live.ResourceType
	Now    time.Time // not gone by then
	Name   string
	States []string // in one of them
	Refers []live.Reference
}

// from returns the tables and the condition of the query, and its arguments. What is referred to comes first: few
// records name the same thing, and SQLite, which has no statistics, keeps to the order of a cross join.
func (q Query) from() (string, []any) {
	args := []any{q.Home.Account, q.Home.Region, string(q.Type)}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	tables, where := ``, ` WHERE resources.account = $1 AND resources.region = $2 AND resources.type = $3`
	for i, r := range q.Refers {
		name := "r" + strconv.Itoa(i)
		tables += `refers AS ` + name + ` CROSS JOIN `
		where += ` AND ` + name + `.target = ` + arg(r.Target) + ` AND ` + name + `.role = ` + arg(string(r.Role)) +
			` AND ` + name + `.type = resources.type AND ` + name + `.id = resources.id`
	}
	if !q.Now.IsZero() {
		where += ` AND (gone_at = 0 OR gone_at > ` + arg(toMicros(q.Now)) + `)`
	}
	if q.Name != "" {
		where += ` AND name = ` + arg(q.Name)
	}
	if len(q.States) > 0 {
		var list []string
		for _, s := range q.States {
			list = append(list, arg(s))
		}
		where += ` AND state IN (` + strings.Join(list, ", ") + `)`
	}
	return ` FROM ` + tables + `resources` + where, args
}

// ListRecords returns at most limit records that come after the cursor, newest first.
func ListRecords[T any, P record[T]](ctx context.Context, t *Tx, q Query, after Cursor, limit int) ([]T, error) {
	from, args := q.from()
	n := len(args)
	args = append(args, before(after), after.ID, limit)
	text := fmt.Sprintf(`%s%s AND (created_at, resources.id) < ($%d, $%d)
		ORDER BY created_at DESC, resources.id DESC LIMIT $%d`, selectRecord, from, n+1, n+2, n+3)
	return collect(ctx, t, string(q.Type), scanRecord[T, P], text, args...)
}

// CountRecords returns how many records match. Who counts in order to add takes Lock before.
func (t *Tx) CountRecords(ctx context.Context, q Query) (int, error) {
	from, args := q.from()
	var n int
	if err := t.sql.QueryRowContext(ctx, `SELECT COUNT(*)`+from, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s: %w", q.Type, err)
	}
	return n, nil
}

// RecordTags returns the tags of a record that is not gone by now, or ErrNotFound.
func (t *Tx) RecordTags(ctx context.Context, arn live.ARN, now time.Time) (live.Tags, error) {
	var text string
	err := t.sql.QueryRowContext(ctx, `SELECT tags FROM resources WHERE type = $1 AND id = $2 AND account = $3
		AND region = $4 AND (gone_at = 0 OR gone_at > $5)`,
		string(arn.Type), arn.ID, arn.Account, arn.Region, toMicros(now)).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read tags: %w", err)
	}
	var tags live.Tags
	if err := json.Unmarshal([]byte(text), &tags); err != nil {
		return nil, fmt.Errorf("read tags of %s %s: %w", arn.Type, arn.ID, err)
	}
	return tags, nil
}

// SetRecordTags replaces the tags of a record that was locked.
func (t *Tx) SetRecordTags(ctx context.Context, arn live.ARN, tags live.Tags) error {
	text, err := encodeTags(tags)
	if err != nil {
		return err
	}
	_, err = t.sql.ExecContext(ctx, `UPDATE resources SET tags = $1 WHERE type = $2 AND id = $3`,
		text, string(arn.Type), arn.ID)
	if err != nil {
		return fmt.Errorf("write tags: %w", err)
	}
	return nil
}

// row is what of a record is kept as text.
type row struct{ tags, body, secrets string }

func encodeRecord(r Record) (row, error) {
	tags, err := encodeTags(r.Common().Tags)
	if err != nil {
		return row{}, err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return row{}, fmt.Errorf("write %s: %w", r.Common().ARN.Type, err)
	}
	hidden := []string{}
	for _, s := range r.Secrets() {
		hidden = append(hidden, string(*s))
	}
	secrets, err := json.Marshal(hidden)
	if err != nil {
		return row{}, fmt.Errorf("write %s: %w", r.Common().ARN.Type, err)
	}
	return row{tags: tags, body: string(body), secrets: string(secrets)}, nil
}

func encodeTags(tags live.Tags) (string, error) {
	if tags == nil {
		tags = live.Tags{}
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return "", fmt.Errorf("write tags: %w", err)
	}
	return string(text), nil
}

func scanRecord[T any, P record[T]](from scanner) (T, error) {
	var r T
	c := P(&r).Common()
	var text row
	var created, gone int64
	err := from.Scan(&c.ARN.Type, &c.ARN.ID, &c.ARN.Region, &c.ARN.Account, &c.Name,
		&text.tags, &text.body, &text.secrets, &created, &gone)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("read record: %w", err)
	}
	c.CreatedAt, c.GoneAt = fromMicros(created), fromMicros(gone)
	var hidden []string
	err = errors.Join(json.Unmarshal([]byte(text.body), P(&r)), json.Unmarshal([]byte(text.tags), &c.Tags),
		json.Unmarshal([]byte(text.secrets), &hidden))
	if err != nil {
		return r, fmt.Errorf("read %s %s: %w", c.ARN.Type, c.ARN.ID, err)
	}
	places := P(&r).Secrets() // after the body: it says how many there are
	for i := range min(len(places), len(hidden)) {
		*places[i] = live.Secret(hidden[i])
	}
	return r, nil
}
