package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// StageName is the name of the demo's stage.
	StageName = "welcome"
	// The tag that tells the demo's stage from one that a user calls the same.
	tagKey, tagValue = "proscenium:demo", "welcome"

	// linkLife is how long the link works: the longest that a token may.
	linkLife = 14 * 24 * time.Hour

	minRetry = 200 * time.Millisecond
	maxRetry = 10 * time.Second
)

// Stages is what the demo needs of the control plane's stages.
type Stages interface {
	Create(context.Context, control.CreateStage) (live.Stage, []live.IssuedToken, error)
	Get(context.Context, live.ARN) (live.Stage, error)
	List(context.Context, control.Page) (items []live.Stage, next string, err error)
}

// Tokens is what the demo needs of the control plane's tokens.
type Tokens interface {
	Create(context.Context, live.ARN, control.TokenRequest) (live.IssuedToken, error)
}

// Publisher takes media of this process: a *host.Host.
type Publisher interface {
	PublishLocal(context.Context, live.StageID, host.LocalParticipant, []media.Source) (*host.LocalPublication, error)
}

// Options say what the demo runs on. All but Log are needed.
type Options struct {
	Stages Stages
	Tokens Tokens
	Host   Publisher
	// PublicURL is where browsers reach the console, without a path.
	PublicURL string
	// OnLink is told the link that shows the demo, once, when its media flows.
	OnLink func(link string)
	Log    *slog.Logger
}

// Run plays the loop on the stage, which it makes if there is none yet, until ctx is done. A publication that
// ends is begun again, unless somebody meant it: if the stage was deleted or the participant disconnected, Run
// stays quiet until ctx is done. It returns an error only if the built-in loop is damaged.
func Run(ctx context.Context, o Options) error {
	l, err := loop.Load()
	if err != nil {
		return fmt.Errorf("load loop: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &demo{Options: o, loop: l, id: live.NewParticipantID()}
	d.keepOn(ctx)
	return nil
}

// keepOn publishes until ctx is done.
func (d *demo) keepOn(ctx context.Context) {
	for wait := minRetry; ; wait = min(2*wait, maxRetry) {
		began := time.Now()
		err := d.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errUnwanted) {
			d.Log.Info("demo ended: its stage was deleted or its participant disconnected")
			<-ctx.Done()
			return
		}
		if time.Since(began) > time.Minute {
			wait = minRetry
		}
		d.Log.Warn("demo interrupted", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

var errUnwanted = errors.New("demo: unwanted")

type demo struct {
	Options
	loop   *loop.Loop
	id     live.ParticipantID
	stage  live.Stage // zero until it is found
	linked bool
}

// once publishes, and returns when the publication is over.
func (d *demo) once(ctx context.Context) error {
	if err := d.findStage(ctx); err != nil {
		return err
	}
	video := source{media.Track{ID: "video", Kind: media.Video, Codec: media.Codec{
		Name: "H264", ClockRate: 90000, FMTP: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}}}
	audio := source{media.Track{ID: "audio", Kind: media.Audio, Codec: media.Codec{
		Name: "opus", ClockRate: 48000, Channels: 2, FMTP: "minptime=10;useinbandfec=1",
	}}}
	pub, err := d.Host.PublishLocal(ctx, d.stage.ID, host.LocalParticipant{
		ID: d.id, UserID: "proscenium", Attributes: map[string]string{"name": "Proscenium"},
	}, []media.Source{video, audio})
	if live.KindOf(err) == live.Denied {
		return errUnwanted
	}
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	defer pub.Close()
	if err := d.link(ctx); err != nil {
		return err
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-pub.Done():
			stop()
		case <-playing.Done():
		}
	}()
	newPlayer(d.loop, pub.Receivers()[0], pub.Receivers()[1], media.Now).run(playing)
	return errors.New("publication ended")
}

// findStage finds the demo's stage by name and tag, so that restarts do not multiply it, or makes it.
func (d *demo) findStage(ctx context.Context) error {
	if d.stage.ID != "" {
		if _, err := d.Stages.Get(ctx, d.stage.ARN); live.KindOf(err) == live.NotFound && err != nil {
			return errUnwanted
		}
		return nil
	}
	var page control.Page
	for {
		stages, next, err := d.Stages.List(ctx, page)
		if err != nil {
			return fmt.Errorf("list stages: %w", err)
		}
		for _, s := range stages {
			if s.Name == StageName && s.Tags[tagKey] == tagValue {
				d.stage = s
				return nil
			}
		}
		if next == "" {
			break
		}
		page.Token = next
	}
	s, _, err := d.Stages.Create(ctx, control.CreateStage{Name: StageName, Tags: live.Tags{tagKey: tagValue}})
	if err != nil {
		return fmt.Errorf("create stage: %w", err)
	}
	d.stage = s
	return nil
}

// link tells the link to watch, once. The token is in the fragment: browsers do not send it to any server.
func (d *demo) link(ctx context.Context) error {
	if d.linked {
		return nil
	}
	t, err := d.Tokens.Create(ctx, d.stage.ARN, control.TokenRequest{
		Duration: linkLife, UserID: "guest", Capabilities: []live.Capability{live.CanSubscribe},
	})
	if err != nil {
		return fmt.Errorf("create token: %w", err)
	}
	d.linked = true
	d.OnLink(strings.TrimRight(d.PublicURL, "/") + "/console/watch#" + string(t.Token))
	return nil
}

// source is a track of the loop.
type source struct{ track media.Track }

// Track implements media.Source.
func (s source) Track() media.Track { return s.track }

// RequestKeyFrame implements media.Source: the loop has a key frame each second and cannot make one sooner.
func (s source) RequestKeyFrame() {}

// RequestPackets implements media.Source: nothing gets lost inside the process.
func (s source) RequestPackets([]uint16) {}
