package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Sessions are stretches of life of stages. They stay readable when their stage has been deleted.
type Sessions struct{ *core }

// Get returns a session of a stage, or NotFound.
func (s *Sessions) Get(ctx context.Context, stage live.ARN, id live.SessionID) (live.Session, error) {
	if err := s.stageARN(stage); err != nil {
		return live.Session{}, err
	}
	var session live.Session
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		session, err = tx.Session(ctx, id)
		if err == nil && session.Stage != live.StageID(stage.ID) {
			err = store.ErrNotFound // another stage's
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return live.Session{}, live.Errorf(live.NotFound, "there is no session %s of %s", shown(string(id)), stage)
	}
	return session, err
}

// List returns a page of a stage's sessions, latest start first. A stage that there is not has none.
func (s *Sessions) List(ctx context.Context, stage live.ARN, p Page) (items []live.Session, next string, err error) {
	if err := s.stageARN(stage); err != nil {
		return nil, "", err
	}
	return paged(s.core, "sessions/"+stage.String(), p, ofFifty,
		func(it *live.Session) store.Cursor { return store.Cursor{At: it.StartedAt, ID: string(it.ID)} },
		func(after store.Cursor, n int) (items []live.Session, err error) {
			err = s.store.Read(ctx, func(tx *store.Tx) error {
				items, err = tx.SessionsOf(ctx, live.StageID(stage.ID), after, n)
				return err
			})
			return items, err
		})
}

// Get returns someone's part in a session, or NotFound.
func (p *Participants) Get(
	ctx context.Context, stage live.ARN, session live.SessionID, id live.ParticipantID,
) (live.Participant, error) {
	if err := p.stageARN(stage); err != nil {
		return live.Participant{}, err
	}
	var who live.Participant
	err := p.store.Read(ctx, func(tx *store.Tx) (err error) {
		who, err = tx.Participant(ctx, live.StageID(stage.ID), session, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return live.Participant{}, live.Errorf(live.NotFound, "there is no participant %s in session %s of %s",
			shown(string(id)), shown(string(session)), stage)
	}
	return who, err
}

// List returns a page of a session's participants, latest first join first. A session that there is not has
// none. It returns Invalid if more than one filter is given.
func (p *Participants) List(
	ctx context.Context, stage live.ARN, session live.SessionID, f ParticipantFilter, page Page,
) (items []live.Participant, next string, err error) {
	if err := p.stageARN(stage); err != nil {
		return nil, "", err
	}
	if n := count(f.UserID != "", f.Published != nil, f.Connected != nil, f.Recording != ""); n > 1 {
		return nil, "", live.Errorf(live.Invalid, "%d filters are given, at most one is allowed of "+
			"filterByUserId, filterByPublished, filterByState and filterByRecordingState", n)
	}
	q := store.Participants{
		Stage: live.StageID(stage.ID), Session: session,
		UserID: f.UserID, Published: f.Published, Connected: f.Connected, Recording: f.Recording,
	}
	name := fmt.Sprintf("participants/%s/%s?%q/%s/%s/%s", stage, session, f.UserID, either(f.Published), either(f.Connected), f.Recording)
	return paged(p.core, name, page, ofFifty,
		func(it *live.Participant) store.Cursor { return store.Cursor{At: it.JoinedAt, ID: string(it.ID)} },
		func(after store.Cursor, n int) (items []live.Participant, err error) {
			err = p.store.Read(ctx, func(tx *store.Tx) error {
				items, err = tx.ListParticipants(ctx, q, after, n)
				return err
			})
			return items, err
		})
}

// either writes a truth that may not be given.
func either(b *bool) string {
	if b == nil {
		return ""
	}
	return fmt.Sprint(*b)
}

// count returns how many are true.
func count(all ...bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

// Events returns a page of what happened to a participant in a session, latest first. What there is not has
// none.
func (p *Participants) Events(
	ctx context.Context, stage live.ARN, session live.SessionID, id live.ParticipantID, page Page,
) (items []live.Event, next string, err error) {
	if err := p.stageARN(stage); err != nil {
		return nil, "", err
	}
	name := fmt.Sprintf("events/%s/%s/%s", stage, session, id)
	return paged(p.core, name, page, ofFifty,
		func(it *live.Event) store.Cursor { return store.Cursor{At: it.At, ID: it.ID} },
		func(after store.Cursor, n int) (items []live.Event, err error) {
			err = p.store.Read(ctx, func(tx *store.Tx) error {
				items, err = tx.Events(ctx, live.StageID(stage.ID), session, id, after, n)
				return err
			})
			return items, err
		})
}
