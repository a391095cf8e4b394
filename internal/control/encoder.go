package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// Encoders are encoder configurations. They cannot be changed.
type Encoders struct{ *core }

// Limits of a composition's picture (control-plane.md 1.11).
const (
	maxEdge      = 1920
	maxPixels    = 1920 * 1080
	maxFramerate = 60
	maxBitrate   = 8_500_000
)

// Create makes an encoder configuration. It returns Invalid if the picture is too large, or odd, and Exhausted
// if the account has all the encoder configurations it may have.
func (e *Encoders) Create(ctx context.Context, r CreateEncoder) (live.Encoder, error) {
	base, err := e.newResource(live.TypeEncoderConfiguration, r.Name, r.Tags)
	if err != nil {
		return live.Encoder{}, err
	}
	video := orDefault(r.Video)
	if err := checkVideo(video); err != nil {
		return live.Encoder{}, err
	}
	fresh := live.Encoder{Resource: base, Video: video}
	err = e.store.Write(ctx, func(tx *store.Tx) error {
		return e.add(ctx, tx, &fresh,
			limit{e.quotas.EncoderConfigurations, "encoder configurations", "quotas.encoder_configurations"})
	})
	if err != nil {
		return live.Encoder{}, err
	}
	return fresh, nil
}

// orDefault fills in what is not given.
func orDefault(v live.Video) live.Video {
	usual := live.DefaultVideo()
	if v.Width == 0 {
		v.Width = usual.Width
	}
	if v.Height == 0 {
		v.Height = usual.Height
	}
	if v.Framerate == 0 {
		v.Framerate = usual.Framerate
	}
	if v.Bitrate == 0 {
		v.Bitrate = usual.Bitrate
	}
	return v
}

func checkVideo(v live.Video) error {
	for _, edge := range []struct {
		name string
		n    int
	}{{"width", v.Width}, {"height", v.Height}} {
		if edge.n < 2 || edge.n > maxEdge || edge.n%2 != 0 {
			return live.Errorf(live.Invalid, "video.%s is %d, allowed are even numbers from 2 to %d", edge.name, edge.n, maxEdge)
		}
	}
	switch {
	case v.Width*v.Height > maxPixels:
		return live.Errorf(live.Invalid, "video is %dx%d, which is %d pixels, the limit is %d",
			v.Width, v.Height, v.Width*v.Height, maxPixels)
	case !(v.Framerate >= 1 && v.Framerate <= maxFramerate):
		return live.Errorf(live.Invalid, "video.framerate is %v, allowed are 1 to %d", v.Framerate, maxFramerate)
	case v.Bitrate < 1 || v.Bitrate > maxBitrate:
		return live.Errorf(live.Invalid, "video.bitrate is %d, allowed are 1 to %d", v.Bitrate, maxBitrate)
	}
	return nil
}

// Get returns an encoder configuration, or NotFound.
func (e *Encoders) Get(ctx context.Context, arn live.ARN) (live.Encoder, error) {
	return get[live.Encoder](ctx, e.core, arn, live.TypeEncoderConfiguration)
}

// Delete removes an encoder configuration, or returns Conflict while a composition uses it.
func (e *Encoders) Delete(ctx context.Context, arn live.ARN) error {
	return e.remove(ctx, arn, live.TypeEncoderConfiguration, func(tx *store.Tx) error {
		return e.notComposing(ctx, tx, live.RefersEncoder, arn)
	})
}

// List returns a page of the encoder configurations, newest first.
func (e *Encoders) List(ctx context.Context, p Page) (items []live.Encoder, next string, err error) {
	return list[live.Encoder](ctx, e.core, store.Query{Type: live.TypeEncoderConfiguration}, p, ofHundred)
}

// notComposing returns Conflict while a composition that goes on uses the resource.
func (c *core) notComposing(ctx context.Context, tx *store.Tx, role live.Role, arn live.ARN) error {
	n, err := tx.CountRecords(ctx, c.composing(live.Reference{Role: role, Target: arn.String()}))
	if err != nil {
		return err
	}
	if n > 0 {
		return live.Errorf(live.Conflict, "%s is used by %d compositions that have not ended: stop them first", arn, n)
	}
	return nil
}

// composing are the compositions that go on and name all of to.
func (c *core) composing(to ...live.Reference) store.Query {
	return store.Query{
		Home: c.home, Type: live.TypeComposition, Refers: to,
		States: []string{
			string(live.CompositionStarting), string(live.CompositionActive), string(live.CompositionStopping),
		},
	}
}
