package kit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Result is what came of a case with a client.
type Result struct {
	Case         string `json:"case"`
	Client       string `json:"client"`
	API          string `json:"api"`
	Operation    string `json:"operation"`
	Status       int    `json:"status,omitempty"`
	Error        string `json:"error,omitempty"`
	Pass         bool   `json:"pass"`
	Skipped      string `json:"skipped,omitempty"` // why the call was not made
	Why          string `json:"why,omitempty"`     // it did not pass
	Milliseconds int64  `json:"ms"`
}

// Options say what to run.
type Options struct {
	Client    Client
	Cleaner   *Raw // deletes what cases made and left
	Suites    []Suite
	Contracts map[string]*Contract
	Vars      map[string]string // what the caller has: a participant's stage, session and id
	AWS       bool              // the endpoint is AWS: its words differ, and so do cases that say so
	Result    func(Result)      // gets each result
}

// Run gives the cases to the client, one after another. The error says that the client broke, not that a case
// did not pass.
func Run(ctx context.Context, o Options) error {
	for _, s := range o.Suites {
		r := &run{Options: o, vars: vars{"uuid": newUUID()}}
		for name, value := range o.Vars {
			r.vars[name] = value
		}
		for _, c := range s.Cases {
			result, err := r.one(ctx, c)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", o.Client.Name(), c.ID, err)
			}
			o.Result(result)
		}
		if err := r.clean(ctx); err != nil {
			return fmt.Errorf("clean up after %s: %w", s.Name, err)
		}
	}
	return nil
}

// run is one suite under way.
type run struct {
	Options
	vars vars
	made []made
}

// made is something that a case made.
type made struct{ api, kind, arn string }

func (r *run) one(ctx context.Context, c Case) (Result, error) {
	result := Result{Case: c.ID, Client: r.Client.Name(), API: c.API, Operation: c.Operation}
	if r.AWS && c.Differs != nil {
		result.Skipped = "AWS differs: " + c.Differs.What
		return result, nil
	}
	if c.Clients != nil && !slices.Contains(c.Clients, r.Client.Name()) || c.HTTP != nil && r.Client.Name() != "raw" {
		result.Skipped = "not for this client"
		return result, nil
	}
	c, err := r.prepare(c)
	var missing missingError
	if errors.As(err, &missing) {
		result.Skipped = missing.Error()
		return result, nil
	}
	if err != nil {
		return result, err
	}
	var input map[string]any
	if err := json.Unmarshal(c.Input, &input); err != nil {
		return result, err
	}
	operation := r.Contracts[c.API].Operations[c.Operation]
	started := time.Now()
	a, err := r.Client.Call(ctx, c, operation, input)
	if err != nil {
		return result, err
	}
	if a.Unsent != "" {
		result.Skipped = a.Unsent
		return result, nil
	}
	result.Status, result.Error, result.Milliseconds = a.Status, a.Error, time.Since(started).Milliseconds()
	r.note(c, a)
	result.Why = r.judge(c, operation, a)
	if result.Why == "" && c.Save != nil {
		if err := r.vars.save(c.Save, a.Body); err != nil {
			result.Why = err.Error()
		}
	}
	result.Pass = result.Why == ""
	return result, nil
}

// prepare puts the variables in.
func (r *run) prepare(c Case) (Case, error) {
	if c.Input == nil {
		c.Input = json.RawMessage("{}")
	}
	text, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	if text, err = r.vars.expand(text); err != nil {
		return c, err
	}
	var ready Case // a new one: the old one's texts stay as they are
	return ready, json.Unmarshal(text, &ready)
}

// frontEnd are exceptions that any operation can answer with, whatever its contract says.
var frontEnd = []string{
	"SerializationException", "UnsupportedMediaTypeException", "NotAcceptableException", "UnknownOperationException",
	"RequestEntityTooLargeException", "ThrottlingException", "UnsupportedOperationException", "ServiceUnavailableException",
	"MissingAuthenticationTokenException", "IncompleteSignatureException", "UnrecognizedClientException",
	"InvalidSignatureException", "ExpiredTokenException", "InternalServerException", "AccessDeniedException",
}

// judge says why an answer is not what was wanted, "" if it is.
func (r *run) judge(c Case, o *Operation, a Answer) string {
	if why := r.judgeShape(o, a); why != "" {
		return why
	}
	if c.Want.Accepts != "" {
		refused := a.Error == "SerializationException" || strings.Contains(a.Message, "'"+c.Want.Accepts+"' failed to satisfy")
		if refused {
			return fmt.Sprintf("refused: %s %s", a.Error, a.Message)
		}
		return ""
	}
	told := a.Status != 0 // the CLI does not tell the status
	switch {
	case told && c.Want.Status != a.Status, c.Want.Error != a.Error:
		return fmt.Sprintf("answered %d %s %s, want %d %s", a.Status, a.Error, a.Message, c.Want.Status, c.Want.Error)
	case !r.AWS && !strings.Contains(a.Message, c.Want.Message):
		return fmt.Sprintf("says %q, want %q", a.Message, c.Want.Message)
	}
	for name, want := range c.Want.Header {
		if a.Header == nil {
			break
		}
		if differs := matchText(a.Header.Get(name), want, name); differs != "" {
			return differs
		}
	}
	if c.Want.Body == nil {
		return ""
	}
	var want any
	if err := json.Unmarshal(c.Want.Body, &want); err != nil {
		return err.Error()
	}
	body := a.Body
	if body == nil {
		body = map[string]any{}
	}
	return match(body, want, "answer")
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// judgeShape checks what all answers have in common.
func (r *run) judgeShape(o *Operation, a Answer) string {
	raw := a.Header != nil
	if raw && !uuid.MatchString(strings.ToLower(a.Header.Get("X-Amzn-Requestid"))) {
		return "no request id"
	}
	if a.Error != "" {
		return r.judgeError(o, a)
	}
	if o == nil || a.Status >= 300 {
		return ""
	}
	if raw && a.Status != o.HTTP.Status {
		return fmt.Sprintf("answered %d, the contract wants %d", a.Status, o.HTTP.Status)
	}
	body := a.Body
	if object, ok := body.(map[string]any); ok && len(object) == 0 && !raw {
		body = nil // SDKs make an object of nothing
	}
	if object, ok := body.(map[string]any); ok && !raw {
		for name := range object {
			if r.isHeader(o, name) {
				delete(object, name)
			}
		}
		if len(object) == 0 {
			body = nil
		}
	}
	for _, c := range r.Contracts {
		if c.Operations[o.Name] == o {
			return c.checkOutput(o, body)
		}
	}
	return ""
}

func (r *run) isHeader(o *Operation, name string) bool {
	for _, c := range r.Contracts {
		if c.Operations[o.Name] == o && o.Output.Shape != "" {
			return c.shapes[o.Output.Shape].Members[name].Location == "header"
		}
	}
	return false
}

func (r *run) judgeError(o *Operation, a Answer) string {
	if o != nil && !o.Models(a.Error) && !slices.Contains(frontEnd, a.Error) {
		return a.Error + " is not in the contract of " + o.Name
	}
	if a.Message == "" {
		return a.Error + " has no message"
	}
	object, _ := a.Body.(map[string]any)
	if a.Header == nil || r.AWS || o == nil || !o.Models(a.Error) {
		return ""
	}
	if object["exceptionMessage"] != a.Message {
		return "the body of " + a.Error + " has no exceptionMessage"
	}
	return ""
}

// note remembers what a case made.
func (r *run) note(c Case, a Answer) {
	making := strings.HasPrefix(c.Operation, "Create") || strings.HasPrefix(c.Operation, "Import") || c.Operation == "StartComposition"
	body, ok := a.Body.(map[string]any)
	if !ok || !making {
		return
	}
	for _, thing := range body {
		arn, _ := at(thing, "arn").(string)
		if parts := strings.Split(arn, ":"); len(parts) == 6 {
			kind, _, _ := strings.Cut(parts[5], "/")
			r.made = append(r.made, made{c.API, kind, arn})
		}
	}
}

// deletes are the operations that remove things.
var deletes = map[string]string{
	"stage": "DeleteStage", "public-key": "DeletePublicKey", "composition": "StopComposition",
	"encoder-configuration": "DeleteEncoderConfiguration", "storage-configuration": "DeleteStorageConfiguration",
	"ingest-configuration": "DeleteIngestConfiguration", "channel": "DeleteChannel",
}

// clean deletes what cases made, the newest first. What is gone already is fine.
func (r *run) clean(ctx context.Context) error {
	slices.Reverse(r.made)
	for _, m := range r.made {
		operation := r.Contracts[m.api].Operations[deletes[m.kind]]
		if operation == nil {
			continue // goes with what it belongs to
		}
		c := Case{ID: "clean", API: m.api, Operation: operation.Name}
		if _, err := r.Cleaner.Call(ctx, c, operation, map[string]any{"arn": m.arn}); err != nil {
			return err
		}
	}
	r.made = nil
	return nil
}
