package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
)

// remembered is how many statements a connection keeps. The store has fewer than a hundred, and a statement
// takes some kilobytes.
const (
	remembered    = 128
	longestToKeep = 2048 // bytes; what is longer is a migration
)

// sqliteConn is what a connection of the driver can do, as far as database/sql asks for it.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// connector opens connections that remember their statements: SQLite takes longer to read a statement of ours
// than to run it. PostgreSQL's driver does the same by itself.
type connector struct {
	name   string
	driver driver.Driver
}

// sqliteDriver is what modernc.org/sqlite has registered.
var sqliteDriver = sync.OnceValues(func() (driver.Driver, error) {
	db, err := sql.Open("sqlite", "") // connects to nothing
	if err != nil {
		return nil, err
	}
	return db.Driver(), db.Close()
})

// openRemembering is sql.Open for SQLite, with connections that remember.
func openRemembering(name string) (*sql.DB, error) {
	d, err := sqliteDriver()
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector{name, d}), nil
}

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	able, ok := conn.(sqliteConn)
	if !ok {
		return nil, errors.Join(errors.New("the driver of SQLite lacks an ability"), conn.Close())
	}
	return &rememberingConn{able, map[string]driver.Stmt{}}, nil
}

// rememberingConn keeps statements that it has prepared, while nobody uses them. database/sql uses a
// connection, and the rows that it gave, from one goroutine at a time.
type rememberingConn struct {
	sqliteConn
	idle map[string]driver.Stmt
}

// QueryContext runs a query, prepared before if it can be.
func (c *rememberingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	able, ok := s.(driver.StmtQueryContext)
	if !ok {
		return nil, errors.Join(driver.ErrSkip, s.Close())
	}
	rows, err := able.QueryContext(ctx, args)
	if err != nil {
		_ = s.Close() // the query's error says more
		return nil, err
	}
	return &rememberedRows{rows, c, query, s}, nil
}

// ExecContext runs a statement, prepared before if it can be.
func (c *rememberingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(query) > longestToKeep { // a migration is several statements, of which one may need those before it
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	able, ok := s.(driver.StmtExecContext)
	if !ok {
		return nil, errors.Join(driver.ErrSkip, s.Close())
	}
	result, err := able.ExecContext(ctx, args)
	if err != nil {
		_ = s.Close() // the statement's error says more
		return nil, err
	}
	c.keep(query, s)
	return result, nil
}

// take returns a statement that nobody else uses until it is kept again.
func (c *rememberingConn) take(ctx context.Context, query string) (driver.Stmt, error) {
	if s, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return s, nil
	}
	return c.PrepareContext(ctx, query)
}

func (c *rememberingConn) keep(query string, s driver.Stmt) {
	if _, twice := c.idle[query]; twice || len(c.idle) >= remembered || len(query) > longestToKeep {
		_ = s.Close() // it has done its work
		return
	}
	c.idle[query] = s
}

// Close forgets all statements and closes the connection.
func (c *rememberingConn) Close() error {
	var errs []error
	for _, s := range c.idle {
		errs = append(errs, s.Close())
	}
	clear(c.idle)
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}

// rememberedRows give their statement back when they are closed.
type rememberedRows struct {
	driver.Rows
	conn  *rememberingConn
	query string
	stmt  driver.Stmt // nil once given back
}

// Close ends the rows.
func (r *rememberedRows) Close() error {
	err := r.Rows.Close()
	switch {
	case r.stmt == nil:
	case err != nil:
		_ = r.stmt.Close() // the rows' error says more
	default:
		r.conn.keep(r.query, r.stmt)
	}
	r.stmt = nil
	return err
}
