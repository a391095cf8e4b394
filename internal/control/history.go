package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Sessions are stretches of life of stages, past ones too.
type Sessions struct{ *core }

func (s *Sessions) Get(ctx context.Context, stage live.ARN, id live.SessionID) (live.Session, error) {
	return live.Session{}, notYet()
}

func (s *Sessions) List(ctx context.Context, stage live.ARN, p Page) (items []live.Session, next string, err error) {
	return nil, "", notYet()
}

// Get returns what is known of a participant in a session.
func (p *Participants) Get(ctx context.Context, stage live.ARN, session live.SessionID, id live.ParticipantID) (live.Participant, error) {
	return live.Participant{}, notYet()
}

// List returns a page of the participants of a session.
func (p *Participants) List(ctx context.Context, stage live.ARN, session live.SessionID, f ParticipantFilter, page Page) (items []live.Participant, next string, err error) {
	return nil, "", notYet()
}

// Events returns a page of what happened to a participant in a session.
func (p *Participants) Events(ctx context.Context, stage live.ARN, session live.SessionID, id live.ParticipantID, page Page) (items []live.Event, next string, err error) {
	return nil, "", notYet()
}
