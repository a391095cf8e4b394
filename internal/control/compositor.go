package control

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Compositor makes compositions, on this node or another. What becomes of them it says by Compositions.Ended.
type Compositor interface {
	// Start begins to make a composition that has been recorded as STARTING. An error is why it cannot be made,
	// in words for whoever asked for it.
	Start(ctx context.Context, c live.Composition) error
	// Stop has a composition come to its end. An error says that nobody makes it.
	Stop(ctx context.Context, c live.Composition) error
}

// noCompositor is what a server without one has.
type noCompositor struct{}

func (noCompositor) Start(context.Context, live.Composition) error {
	return live.Errorf(live.Unsupported, "no compositor is running: this server cannot make compositions yet")
}

func (noCompositor) Stop(context.Context, live.Composition) error {
	return live.Errorf(live.Unsupported, "no compositor is running")
}

// Replicator shows participants of one stage on another.
type Replicator interface {
	// Start shows the participant on the destination and returns the session in which it is shown. An error is
	// why it cannot be shown, of a kind for whoever asked for it.
	Start(ctx context.Context, r live.Replication) (live.SessionID, error)
	// Stop ends it. Ending it again does no harm.
	Stop(ctx context.Context, r live.Replication) error
	// Goes tells whether it still goes on: it may have ended by itself before it was recorded.
	Goes(ctx context.Context, r live.Replication) (bool, error)
}

// Broadcasts are what channels play.
type Broadcasts interface {
	// Streams returns the broadcasts that are on, latest start first.
	Streams(ctx context.Context) ([]live.Stream, error)
	// Stop ends the broadcast of a channel.
	Stop(ctx context.Context, channel live.ARN) error
	// PutMetadata has viewers of a channel's broadcast get a text.
	PutMetadata(ctx context.Context, channel live.ARN, text string) error
}

// noBroadcasts is what a server has whose channels take nothing.
type noBroadcasts struct{}

func (noBroadcasts) Streams(context.Context) ([]live.Stream, error) { return nil, nil }

func (noBroadcasts) Stop(_ context.Context, channel live.ARN) error { return offline(channel) }

func (noBroadcasts) PutMetadata(_ context.Context, channel live.ARN, _ string) error {
	return offline(channel)
}

// offline says that a channel plays nothing.
func offline(channel live.ARN) error {
	return live.Refuse(live.NotFound, live.ChannelNotBroadcasting, "the channel %s is not broadcasting", channel)
}
