package roster

import (
	"maps"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Exchange has the participant of a socket go on with what another token says of it (control-plane.md 3.4). It returns
// TokenNotExchangeable, TokenMismatch or TokenOutdated.
type Exchange struct {
	Socket SocketID
	Identity
}

// Reject ends the participation of a socket whose exchange was refused.
type Reject struct {
	Socket  SocketID
	Message string
}

func (c Exchange) do(r *Roster, now time.Time) error {
	p := r.sockets[c.Socket]
	if p == nil {
		return live.Errorf(live.NotFound, "the participation is over")
	}
	if err := p.mayBecome(c.Identity); err != nil {
		return err
	}
	before := p.Identity
	c.Client = before.Client
	told := before.UserID != c.UserID || !maps.Equal(before.Attributes, c.Attributes)
	if told || before.Capabilities != c.Capabilities || before.Token != c.Token {
		p.Identity, p.exchanged = c.Identity, true
		r.reportExchange(p, before, now)
	}
	if !p.Capabilities.Publish {
		r.unpublish(p, now)
	}
	if told && p.live != nil {
		r.announce(OpUpdate, p)
		r.mirror(p, now)
	}
	for !p.Capabilities.Subscribe && len(p.subs) > 0 {
		m := p.subs[len(p.subs)-1]
		r.emit(EndMedia{Media: m.id})
		r.unsubscribe(m, now)
	}
	r.emit(Exchanged{Socket: c.Socket, Participant: p.view(), Capabilities: p.Capabilities, ExpiresAt: p.Token.ExpiresAt})
	return nil
}

// mayBecome tells whether the participant may go on as who.
func (p *participant) mayBecome(who Identity) error {
	is, next := p.Token, who.Token
	switch {
	case !is.SelfSigned || !next.SelfSigned:
		return live.Refuse(live.Denied, live.TokenNotExchangeable,
			"only tokens that are signed with a key of your own can be exchanged: the token in force and the new one")
	case who.ID != p.ID:
		return live.Refuse(live.Denied, live.TokenMismatch, "the new token is another participant's (claim jti)")
	case next.EventsURL != is.EventsURL || next.WHIPURL != is.WHIPURL:
		return live.Refuse(live.Denied, live.TokenMismatch, "the new token has another events_url or whip_url")
	case next.IssuedAt.Before(is.IssuedAt):
		return live.Refuse(live.Denied, live.TokenOutdated, "the new token was issued before the one in force (claim iat)")
	}
	return nil
}

func (r *Roster) reportExchange(p *participant, before Identity, now time.Time) {
	r.emit(Report{Fact: live.Fact{
		Name: live.TokenExchanged, Stage: r.o.Stage, Session: r.o.Session, Participant: p.ID, UserID: p.UserID, At: now,
		PreviousToken: said(before), NewToken: said(p.Identity),
	}})
}

func said(who Identity) *live.ExchangedToken {
	return &live.ExchangedToken{
		Capabilities: who.Capabilities, Attributes: who.Attributes, UserID: who.UserID, ExpiresAt: who.Token.ExpiresAt,
	}
}

func (c Reject) do(r *Roster, now time.Time) error {
	if p := r.sockets[c.Socket]; p != nil {
		r.drop(p, live.LeaveFailedExch, c.Message, now)
	}
	return nil
}

// capabilities returns what a token may do now: of someone who has exchanged its token, what both allow.
func (r *Roster) capabilities(who Identity) live.Capabilities {
	may := who.Capabilities
	if p := r.participants[who.ID]; p != nil && p.exchanged {
		may.Publish = may.Publish && p.Capabilities.Publish
		may.Subscribe = may.Subscribe && p.Capabilities.Subscribe
	}
	return may
}
