package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// ExchangeError is the server's refusal of a token exchange. Without RetryAfter it ends the participation, with the
// reason FailedExchange.
type ExchangeError struct {
	Code       string // TOKEN_EXPIRED, TOKEN_OUTDATED, …: docs/signalling.md 1.9
	Message    string
	RetryAfter time.Duration // 0 where trying again does not help
}

// Error returns code and message.
func (e *ExchangeError) Error() string {
	return fmt.Sprintf("token exchange refused: %s: %s", e.Code, e.Message)
}

var errUnanswered = errors.New("exchange token: the connection was lost before the answer came")

// exchange is a token on its way to the server.
type exchange struct {
	token  string
	claims Claims
	answer chan error
}

type exchangedPayload struct {
	UserID     string            `json:"userId"`
	Attributes map[string]string `json:"attributes"`
}

type exchangeFailedPayload refusalPayload

// Exchange goes on with another token of the same participant, signed with a key of the customer's own like the one in
// force: to get rights or lose them, or to be called something else. When it has returned, publishing and subscribing go by
// the new token, and what that does not allow has ended. It returns an *ExchangeError if the server refuses. If the connection
// is lost meanwhile it is not known whether it was done; doing it again does no harm. Calls wait for each other.
func (p *Participant) Exchange(ctx context.Context, token string) error {
	if p.socket == nil {
		return errors.New("a participant without a state socket cannot exchange its token")
	}
	next, err := ParseToken(token)
	if err != nil {
		return fmt.Errorf("exchange token: %w", err)
	}
	if was := p.Claims(); next.Participant != was.Participant || next.StageARN != was.StageARN || next.Stage != was.Stage ||
		next.EventsURL != was.EventsURL || next.WHIPURL != was.WHIPURL {
		return errors.New("exchange token: the new one is for another participant, stage or server")
	}
	select {
	case p.exchanging <- struct{}{}:
		defer func() { <-p.exchanging }()
	case <-ctx.Done():
		return ctx.Err()
	}
	x := &exchange{token: token, claims: next, answer: make(chan error, 1)}
	p.setExchange(x)
	defer p.setExchange(nil)
	if err := p.socket.send(ctx, "EXCHANGE_TOKEN", map[string]string{"token": token}); err != nil {
		return err
	}
	select {
	case err := <-x.answer:
		return err
	case <-p.left.Done():
		select {
		case err := <-x.answer: // which ended it
			return err
		default:
			return p.Err()
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Participant) setExchange(x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchange = x
}

// exchanged takes the server's word that the new token is in force.
func (p *Participant) exchanged(v *exchangedPayload) {
	p.mu.Lock()
	x := p.exchange
	if x != nil {
		p.token, p.claims = x.token, x.claims
	}
	change, told := p.roster.rename(v.UserID, v.Attributes)
	p.mu.Unlock()
	if told {
		p.tell([]Change{change})
	}
	x.done(nil)
}

// exchangeFailed gives Exchange its answer, if it waits for one.
func (p *Participant) exchangeFailed(err error) {
	p.mu.Lock()
	x := p.exchange
	p.mu.Unlock()
	x.done(err)
}

func (x *exchange) done(err error) {
	if x == nil {
		return
	}
	select {
	case x.answer <- err:
	default: // it has one
	}
}

func (v *exchangeFailedPayload) err() *ExchangeError {
	e := (*refusalPayload)(v).err()
	return &ExchangeError{Code: e.Code, Message: e.Message, RetryAfter: e.RetryAfter}
}

// bearer returns the token in force.
func (p *Participant) bearer() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.token
}

// rename has us be called something else. Of who publishes the stage's update has told already.
func (r *roster) rename(userID string, attributes map[string]string) (c Change, told bool) {
	self, known := r.people[r.self]
	if !known || self.UserID == userID && maps.Equal(self.Attributes, attributes) {
		return Change{}, false
	}
	self.UserID, self.Attributes = userID, attributes
	r.people[r.self] = self
	return Change{Updated, self}, true
}
