package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/webrtc/v4"
)

// PublishOptions adjust a publication. The zero value works.
type PublishOptions struct {
	// OnKeyFrame is told that somebody needs a key frame of the video (PLI or FIR).
	OnKeyFrame func()
	// OnLayerKeyFrame is told the same of a single layer, by its rid; nil: OnKeyFrame is.
	OnLayerKeyFrame func(rid string)
	// OnLayersWanted is told by rid which layers anybody watches, whenever that changes (Publication.Wanted).
	OnLayersWanted func(wanted map[string]bool)
}

// Publication is what a participant publishes.
type Publication struct {
	p       *Participant
	o       PublishOptions
	session *mediaSession

	mu       sync.Mutex // guards what follows
	unwanted map[string]bool
}

// Publish offers tracks to the stage, at most one of each kind, or several layers of one picture (NewH264Layer) in the
// order that the offer is to name them in, and returns when the server receives. Packets
// or samples are then written to the tracks. Publishing again replaces what was published before. It returns a
// *MediaError if the server refuses.
func (p *Participant) Publish(ctx context.Context, o PublishOptions, tracks ...webrtc.TrackLocal) (*Publication, error) {
	if len(tracks) == 0 {
		return nil, errors.New("publish: no track given")
	}
	pub := &Publication{p: p, o: o}
	p.mu.Lock()
	before := p.publication
	p.publication = pub
	p.mu.Unlock()
	s, err := p.startMedia(ctx, p.o.WHIPURL, func(pc *webrtc.PeerConnection) error {
		pub.mu.Lock()
		pub.unwanted = nil // the server wants all that a new session brings, until it says otherwise
		pub.mu.Unlock()
		for _, layers := range byMedium(tracks) {
			if err := pub.addTracks(pc, layers); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.mu.Lock()
		if p.publication == pub {
			p.publication = before
		}
		p.mu.Unlock()
		return nil, fmt.Errorf("publish: %w", err)
	}
	pub.session = s
	return pub, nil
}

// Done is closed when the publication is over.
func (p *Publication) Done() <-chan struct{} { return p.session.done.Done() }

// Err returns nil while the publication lasts, then why it ended.
func (p *Publication) Err() error { return context.Cause(p.session.done) }

// Restart changes the ICE credentials and candidates of the session (RFC 9725 section 4.3.3), as after a change
// of network. Media does not stop meanwhile.
func (p *Publication) Restart(ctx context.Context) error { return p.session.restart(ctx) }

// Stats returns pion's statistics of the peer connection.
func (p *Publication) Stats() webrtc.StatsReport { return p.session.stats() }

// Unpublish ends the publication.
func (p *Publication) Unpublish(ctx context.Context) error { return p.session.stop(ctx) }
