package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// onOne opens one connection that remembers its statements, with a table of three rows.
func onOne(t *testing.T) *sql.Conn {
	t.Helper()
	db, err := openRemembering(sqliteName(filepath.Join(t.TempDir(), "test.db"), "_txlock=immediate"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.ExecContext(t.Context(), `CREATE TABLE t (n BIGINT PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)`); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRemember_AStatementIsOneUsersAtATime(t *testing.T) {
	c := onOne(t)
	const query = `SELECT n FROM t WHERE n >= ? ORDER BY n`
	for range 3 {
		outer, err := c.QueryContext(t.Context(), query, 1)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for outer.Next() {
			var n int
			if err := outer.Scan(&n); err != nil {
				t.Fatal(err)
			}
			var inner int // the same statement, while the rows of the outer one are open
			if err := c.QueryRowContext(t.Context(), query, n).Scan(&inner); err != nil || inner != n {
				t.Fatalf("%d, %v", inner, err)
			}
			sum += n
		}
		if err := outer.Err(); err != nil || sum != 6 {
			t.Errorf("the sum is %d, %v", sum, err)
		}
		if err := outer.Close(); err != nil { //nolint:sqlclosecheck // it is its closing that is tested
			t.Error(err)
		}
	}
}

func TestRemember_SurvivesErrorsChangesOfSchemaAndCancelledCalls(t *testing.T) {
	c := onOne(t)
	const insert, count = `INSERT INTO t (n) VALUES (?)`, `SELECT COUNT(*), MAX(n) FROM t`
	want := func(n, most int) {
		t.Helper()
		var gotN, gotMost int
		if err := c.QueryRowContext(t.Context(), count).Scan(&gotN, &gotMost); err != nil || gotN != n || gotMost != most {
			t.Errorf("%d rows up to %d, %v; want %d up to %d", gotN, gotMost, err, n, most)
		}
	}
	want(3, 3)
	for range 2 {
		if _, err := c.ExecContext(t.Context(), insert, 1); err == nil || !strings.Contains(err.Error(), "UNIQUE") {
			t.Errorf("a key twice: %v", err)
		}
	}
	if _, err := c.ExecContext(t.Context(), insert, 4); err != nil {
		t.Error(err)
	}
	want(4, 4)
	if _, err := c.ExecContext(t.Context(), `ALTER TABLE t ADD COLUMN more TEXT NOT NULL DEFAULT ''`); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ExecContext(t.Context(), insert, 5); err != nil {
		t.Errorf("after a change of the schema: %v", err)
	}
	want(5, 5)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.ExecContext(gone, insert, 6); err == nil {
		t.Error("a call that was given up was made")
	}
	want(5, 5)
}

func TestRemember_KeepsABoundedNumber(t *testing.T) {
	c := onOne(t)
	for i := range 3 * remembered {
		var n int
		if err := c.QueryRowContext(t.Context(), `SELECT `+strings.Repeat("0+", i)+`1`).Scan(&n); err != nil || n != 1 {
			t.Fatalf("%d, %v", n, err)
		}
	}
	err := c.Raw(func(raw any) error {
		if kept := len(raw.(*rememberingConn).idle); kept > remembered || kept < remembered/2 { //nolint:forcetypeassert // it is one
			t.Errorf("%d are kept", kept)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
