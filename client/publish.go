package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// PublishOptions adjust a publication. The zero value works.
type PublishOptions struct {
	// OnKeyFrame is told that somebody needs a key frame of the video (PLI or FIR).
	OnKeyFrame func()
}

// Publication is what a participant publishes.
type Publication struct {
	session *mediaSession
}

// Publish offers tracks to the stage, at most one of each kind, and returns when the server receives. Packets
// or samples are then written to the tracks. Publishing again replaces what was published before. It returns a
// *MediaError if the server refuses.
func (p *Participant) Publish(ctx context.Context, o PublishOptions, tracks ...webrtc.TrackLocal) (*Publication, error) {
	if len(tracks) == 0 {
		return nil, errors.New("publish: no track given")
	}
	pub := &Publication{}
	s, err := p.startMedia(ctx, p.o.WHIPURL, func(pc *webrtc.PeerConnection) error {
		for _, t := range tracks {
			tr, err := pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			if err != nil {
				return fmt.Errorf("add track %s: %w", t.ID(), err)
			}
			p.sessions.Add(1)
			go func() {
				defer p.sessions.Done()
				readFeedback(tr.Sender(), o)
			}()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	pub.session = s
	return pub, nil
}

// readFeedback drains a sender's RTCP, without which pion's interceptors do not work, until it is closed.
func readFeedback(sender *webrtc.RTPSender, o PublishOptions) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		if o.OnKeyFrame == nil {
			continue
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				o.OnKeyFrame()
			}
		}
	}
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
