package control

import (
	"context"
	"maps"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/token"
)

// How long a token may last, and how long it does when nobody says (control-plane.md 1.11).
const (
	defaultDuration = 720 * time.Minute
	minDuration     = time.Minute
	maxDuration     = token.MaxLife
)

// Tokens let participants in. They are not kept: who has one can show it, nobody can list them.
type Tokens struct{ *core }

// Create issues a token for a stage, or returns NotFound.
func (t *Tokens) Create(ctx context.Context, stage live.ARN, r TokenRequest) (live.IssuedToken, error) {
	if err := t.stageARN(stage); err != nil {
		return live.IssuedToken{}, err
	}
	err := t.store.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.Stage(ctx, stage)
		return err
	})
	if err != nil {
		return live.IssuedToken{}, noStage(err, stage)
	}
	return t.issue(stage, r)
}

// issue writes a token for a stage that exists or is about to.
func (c *core) issue(stage live.ARN, r TokenRequest) (live.IssuedToken, error) {
	r, rights, err := checkTokenRequest(r)
	if err != nil {
		return live.IssuedToken{}, err
	}
	issuedAt := c.now().UTC().Truncate(time.Second)
	claims := live.Claims{
		Participant:  live.NewParticipantID(),
		Stage:        stage,
		Topic:        live.StageID(stage.ID),
		EventsURL:    c.endpoints.Events,
		WHIPURL:      c.endpoints.WHIP,
		UserID:       r.UserID,
		Attributes:   maps.Clone(r.Attributes),
		Capabilities: rights,
		IssuedAt:     issuedAt,
		ExpiresAt:    issuedAt.Add(r.Duration),
	}
	secret, err := c.minter.Mint(claims)
	if err != nil {
		return live.IssuedToken{}, err
	}
	return live.IssuedToken{Token: secret, Claims: claims, Duration: r.Duration}, nil
}

// checkTokenRequest returns the request with its defaults, and the rights it asks for.
func checkTokenRequest(r TokenRequest) (TokenRequest, live.Capabilities, error) {
	none := live.Capabilities{}
	if r.Duration == 0 {
		r.Duration = defaultDuration
	}
	if r.Duration < minDuration || r.Duration > maxDuration || r.Duration%time.Minute != 0 {
		return r, none, live.Errorf(live.Invalid, "duration is %v, allowed are 1 to %d whole minutes",
			r.Duration, int(maxDuration.Minutes()))
	}
	if err := checkText("userId", r.UserID, maxUserID); err != nil {
		return r, none, err
	}
	if err := checkAttributes(r.Attributes); err != nil {
		return r, none, err
	}
	rights, err := checkCapabilities(r.Capabilities)
	return r, rights, err
}

func checkCapabilities(asked []live.Capability) (live.Capabilities, error) {
	if len(asked) == 0 {
		return live.Capabilities{Publish: true, Subscribe: true}, nil
	}
	var rights live.Capabilities
	for _, c := range asked {
		switch c {
		case live.CanPublish:
			rights.Publish = true
		case live.CanSubscribe:
			rights.Subscribe = true
		default:
			return rights, live.Errorf(live.Invalid, "%q is not a capability: PUBLISH and SUBSCRIBE are", c)
		}
	}
	return rights, nil
}
