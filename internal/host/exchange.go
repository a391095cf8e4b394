package host

import (
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// Exchange has the participant go on with what another token says of it (docs/signalling.md 1.9); the socket is told
// before Exchange returns or a moment later. Errors have the reasons of token.Verifier, TokenNotExchangeable,
// TokenMismatch or TokenOutdated, or a time after which it may be tried again. None changes anything.
func (p *Participation) Exchange(raw string) error {
	claims, err := p.s.h.Verify(raw)
	if err != nil {
		return err
	}
	if claims.Topic != p.s.stage || p.s.fits(claims) != nil {
		return live.Refuse(live.Denied, live.TokenMismatch, "the new token is for another stage")
	}
	return p.s.do(roster.Exchange{Socket: p.socket, Identity: identity(claims)})
}

// Reject ends the participation because the exchange of its token was refused.
func (p *Participation) Reject(message string) {
	_ = p.s.do(roster.Reject{Socket: p.socket, Message: message}) // never refused
}
