package host

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// LocalParticipant is a participant that lives in this process: a demo, an ingest, a relay. It needs no token, and is a
// participant like others for everyone else.
type LocalParticipant struct {
	ID         live.ParticipantID
	UserID     string
	Attributes map[string]string
	Protocol   string // how its media came here, such as "RTMP"; "" says nothing
}

// LocalPublication is what a LocalParticipant publishes.
type LocalPublication struct {
	m         *mediaSession
	receivers []media.Receiver
	done      chan struct{}
}

// PublishLocal publishes tracks of this process: it is announced at once, and replaces what the participant published
// before. Calls of a source's receiver must come from one goroutine at a time. Errors are those of Publish.
func (h *Host) PublishLocal(ctx context.Context, stage live.StageID, p LocalParticipant, tracks []media.Source) (*LocalPublication, error) {
	if err := h.admit(holder{stage: stage, id: p.ID}); err != nil {
		return nil, err
	}
	var pub *LocalPublication
	err := h.with(ctx, stage, func(s *session) error {
		pub = s.offerLocal(p, tracks)
		h.media.put(pub.m)
		err := s.do(roster.Publish{
			Identity: roster.Identity{
				ID: p.ID, UserID: p.UserID, Attributes: p.Attributes, Capabilities: live.Capabilities{Publish: true},
			},
			Media: pub.m.id, Tracks: names(pub.m.tracks), Protocol: p.Protocol,
		})
		if err != nil {
			h.media.remove(pub.m.id)
			return err
		}
		for i, source := range tracks {
			pub.receivers[i] = pub.m.onTrack(source)
		}
		pub.m.connected.Store(int64(max(media.Now(), 1)))
		return s.do(roster.Connected{Media: pub.m.id})
	})
	if err != nil {
		return nil, err
	}
	return pub, nil
}

func (s *session) offerLocal(p LocalParticipant, tracks []media.Source) *LocalPublication {
	pub := &LocalPublication{receivers: make([]media.Receiver, len(tracks)), done: make(chan struct{})}
	pub.m = &mediaSession{
		id: roster.MediaID(secret()), owner: holder{stage: s.stage, id: p.ID}, s: s,
		release: func() {}, local: pub,
	}
	for _, source := range tracks {
		pub.m.tracks = append(pub.m.tracks, source.Track())
	}
	return pub
}

// Receivers returns who takes the packets of each source, in the order of the sources.
func (p *LocalPublication) Receivers() []media.Receiver { return p.receivers }

// Done is closed when the publication is over, for whatever reason. Packets are dropped from then on.
func (p *LocalPublication) Done() <-chan struct{} { return p.done }

// Close ends the publication, and returns when it has ended.
func (p *LocalPublication) Close() {
	_ = p.m.s.do(roster.Ended{Media: p.m.id}) // never refused
	select {
	case <-p.done:
	case <-p.m.s.ended:
	}
}
