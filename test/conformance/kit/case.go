package kit

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed cases/*.jsonl
var files embed.FS

// Case is one call and what is to come back. Its texts may hold variables: ${stage} is what an earlier case
// saved, ${repeat:x:129} a long text, ${newkey} the public half of a new P-384 key, ${newkey256} of a P-256 key,
// ${uuid} the same for all cases of a run; ${account}, ${region}, ${bucket} and what is known of a publisher
// (${pubStage}, ${session}, ${participant}) the caller has set.
type Case struct {
	ID        string          `json:"id"`
	API       string          `json:"api"` // realtime or channel
	Operation string          `json:"operation"`
	Input     json.RawMessage `json:"input,omitempty"` // members by their names, wherever they travel; nil is {}
	HTTP      *HTTP           `json:"http,omitempty"`  // for the raw client: how the request differs from a good one
	Want      Want            `json:"want"`
	// Save names variables and where in the answer their values are.
	Save map[string]string `json:"save,omitempty"`
	// Clients that can make the call; nil is all.
	Clients []string `json:"clients,omitempty"`
	// Differs says what AWS was seen to do instead. Such a case is not run against AWS.
	Differs *Difference `json:"differs,omitempty"`
}

// Want is what is to come back.
type Want struct {
	Status  int               `json:"status,omitempty"`
	Error   string            `json:"error,omitempty"`   // the exception's name
	Message string            `json:"message,omitempty"` // that the message holds
	Body    json.RawMessage   `json:"body,omitempty"`    // what matches: see match
	Header  map[string]string `json:"header,omitempty"`  // of the raw client: values, matched like texts of a body
	// Accepts names a member whose value is good: any answer will do that does not refuse it.
	Accepts string `json:"accepts,omitempty"`
}

// HTTP says how a raw request differs from a good one.
type HTTP struct {
	Method string            `json:"method,omitempty"`
	Path   string            `json:"path,omitempty"`
	Body   *string           `json:"body,omitempty"`
	Header map[string]string `json:"header,omitempty"` // signed with the rest; "" removes
	After  map[string]string `json:"after,omitempty"`  // changed after signing; "" removes
	Sign   Sign              `json:"sign"`
}

// Sign says how a raw request is signed other than it should be.
type Sign struct {
	No      bool   `json:"no,omitempty"`
	Query   bool   `json:"query,omitempty"` // in the query instead of the header
	Key     string `json:"key,omitempty"`
	Secret  string `json:"secret,omitempty"`
	Region  string `json:"region,omitempty"`
	Service string `json:"service,omitempty"`
	Minutes int    `json:"minutes,omitempty"` // off the clock
}

// Difference is something that AWS was seen to do otherwise.
type Difference struct {
	Date string `json:"date"` // ISO 8601
	What string `json:"what"`
}

// Suite is a file of cases. They share variables and run in order.
type Suite struct {
	Name  string
	Cases []Case
}

// Derived says whether the cases were derived from the contract.
func (s Suite) Derived() bool { return strings.HasPrefix(s.Name, "contract-") }

// Suites returns all cases.
func Suites() ([]Suite, error) {
	names, err := fs.Glob(files, "cases/*.jsonl")
	if err != nil {
		return nil, err
	}
	var all []Suite
	seen := map[string]bool{}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s := Suite{Name: strings.TrimSuffix(path.Base(name), ".jsonl")}
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			var c Case
			d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
			d.DisallowUnknownFields()
			if err := d.Decode(&c); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, n, err)
			}
			c.ID = s.Name + "/" + c.ID
			if seen[c.ID] {
				return nil, fmt.Errorf("%s:%d: %s is there twice", name, n, c.ID)
			}
			seen[c.ID] = true
			s.Cases = append(s.Cases, c)
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}
