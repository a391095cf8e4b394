// Package doctor finds out what would keep a server from being reached, or from keeping up, and says what to change.
//
// Examine looks at the machine with the eyes of a configuration, whether its server runs or not; Reach asks a
// running one to answer at the addresses that it tells clients, from wherever it is called. Both only look: what they
// bind they let go of at once, and what they write they remove.
//
// Every look at the machine goes through a Machine, so that each finding can be brought about in a test. The package
// starts goroutines only for the time of a call.
//
// Deliberately not here: the settings (config), what a database holds (store), who may ask (admin).
package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Level says how bad a finding is.
type Level string

// The levels, best first.
const (
	OK   Level = "ok"
	Skip Level = "skip" // not found out, and no harm in that
	Warn Level = "warn" // works, for some or for now
	Fail Level = "fail" // does not work
)

// Finding is one thing that was found out.
type Finding struct {
	Check   string `json:"check"` // stable, such as ports.media
	Level   Level  `json:"level"`
	Found   string `json:"found"`
	Meaning string `json:"meaning,omitempty"` // for clients, or for the operator
	Change  string `json:"change,omitempty"`  // the setting or command
}

// Worst returns the worst level of all findings, OK for none.
func Worst(all []Finding) Level {
	worst := OK
	for _, f := range all {
		if rank[f.Level] > rank[worst] {
			worst = f.Level
		}
	}
	return worst
}

var rank = map[Level]int{OK: 0, Skip: 1, Warn: 2, Fail: 3}

// Listener is an address that the settings name.
type Listener struct {
	Setting  string // media, turn.listen
	Address  string // host:port
	UDP, TCP bool
}

// flag returns how the setting is given on the command line.
func (l Listener) flag() string { return flagOf(l.Setting) }

// Plan is what a server is set to do.
type Plan struct {
	Serving   bool // asked by the server itself, whose ports are its own
	Listeners []Listener
	HTTP      string      // the listener that answers /readyz
	Locked    func() bool // whether a server has the data dir; nil: nobody knows
	Encrypted bool        // HTTP is
	PublicURL string
	Told      []netip.AddrPort // what clients send media to
	Relayed   bool             // TURN is on

	Certificate, Key string   // files; "" without
	Domains          []string // got by ACME
	Names            []string // that certificates must be for

	DataDir  string
	Files    uint64 // descriptors that the limits of the settings allow to be used
	Database func(context.Context) (Database, error)
	STUN     string // host:port of a server that tells our public address; "" asks nobody
}

// Database is what a look at it says.
type Database struct {
	Name   string    // sqlite or PostgreSQL
	Schema int64     // version; 0 if it has none yet
	Known  int64     // the newest that this build knows
	Clock  time.Time // zero if it has none of its own
}

// Examine looks at everything that can be seen from this machine.
func Examine(ctx context.Context, p Plan, m Machine) []Finding {
	e := examiner{plan: p, m: m.withDefaults()}
	for _, check := range []func(context.Context) []Finding{
		e.ports, e.addresses, e.public, e.certificates, e.files, e.buffers, e.data, e.database,
	} {
		e.found = append(e.found, check(ctx)...)
	}
	return e.found
}

type examiner struct {
	plan  Plan
	m     Machine
	found []Finding
}

func one(f Finding) []Finding { return []Finding{f} }

// HowFar compares a clock with ours. Signatures are refused when clocks differ by more than five minutes.
func HowFar(check, whose string, theirs, ours time.Time) Finding {
	off := ours.Sub(theirs).Round(time.Second)
	f := Finding{Check: check, Level: OK, Found: fmt.Sprintf("this machine and %s agree on the time", whose)}
	ahead := "ahead of"
	if off < 0 {
		off, ahead = -off, "behind"
	}
	if off > clockSlack {
		f.Level = Warn
		f.Found = fmt.Sprintf("this machine is %s %s %s", off, ahead, whose)
		f.Meaning = "Tokens begin and end at other times than their makers think, and events are out of order."
		f.Change = "Have both keep time: timedatectl set-ntp true (or chronyd)."
	}
	if off > signatureWindow {
		f.Level = Fail
		f.Meaning = "Calls of the API are refused: a signature holds for five minutes around its time."
	}
	return f
}

const (
	clockSlack      = 10 * time.Second
	signatureWindow = 5 * time.Minute
)
