package host

import (
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/layer"
)

// MaxWishes is how many publishers a participant may have wishes for. Those of who isn't watched any more count.
const MaxWishes = 256

// Wish is what a viewer wants of one publisher's media. What is nil stays as it was.
type Wish struct {
	Publisher           live.ParticipantID
	Layer               *string // the rid of the highest layer; "" leaves the choice to the server
	MaxWidth, MaxHeight *int    // of the picture that it can show; 0 is any
	Audio, Video        *bool   // whether to send it
}

// wish is what all of them come to.
type wish struct {
	layer               string
	maxWidth, maxHeight int
	silent, hidden      bool
}

// bounds says whether it is the wish that keeps a choice from being higher.
func (w wish) bounds(e layer.Subscription, choice int) bool {
	if e.Prefer != layer.Any && choice >= e.Prefer {
		return true
	}
	above := choice + 1
	if above >= len(e.Layers) {
		return false
	}
	l := e.Layers[above]
	return w.maxWidth > 0 && l.Width > w.maxWidth || w.maxHeight > 0 && l.Height > w.maxHeight
}

// Wish takes what the participant wants, of publishers that it watches or will watch. It changes what this
// participant gets and nothing else. It returns Exhausted if there are too many wishes already.
func (p *Participation) Wish(w Wish) error {
	a := p.s.h.allocator.of(holder{stage: p.s.stage, id: p.Who})
	if err := a.wish(w); err != nil {
		return err
	}
	a.c.touch(a)
	return nil
}

func (a *allotment) wish(w Wish) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	have, known := a.wishes[w.Publisher]
	set(&have.layer, w.Layer)
	set(&have.maxWidth, w.MaxWidth)
	set(&have.maxHeight, w.MaxHeight)
	if w.Audio != nil {
		have.silent = !*w.Audio
	}
	if w.Video != nil {
		have.hidden = !*w.Video
	}
	switch {
	case have == wish{}:
		delete(a.wishes, w.Publisher)
		return nil
	case !known && len(a.wishes) >= MaxWishes:
		return live.Errorf(live.Exhausted, "there are wishes for %d participants, the limit is %d", len(a.wishes), MaxWishes)
	case a.wishes == nil:
		a.wishes = make(map[live.ParticipantID]wish)
	}
	a.wishes[w.Publisher] = have
	return nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// remind has a participant that has come back told again what it is sent: it may have missed that.
func (c *allocator) remind(who holder) {
	a := c.find(who)
	if a == nil {
		return
	}
	a.mu.Lock()
	for _, s := range a.subs {
		s.told = SubscriptionState{}
	}
	a.mu.Unlock()
	c.touch(a)
}

// LineFigures are what is known of a participant's line.
type LineFigures struct {
	Estimate media.Bitrate // 0 while the line has shown no bound
	Queue    time.Duration // that stands on the way
	Loss     float64       // 0..1, over the last seconds
	Probes   uint64
	Cuts     uint64
}

// line returns what is known of a participant's line, nil if nothing is.
func (h *Host) line(who holder) *LineFigures {
	a := h.allocator.find(who)
	if a == nil || a.link == nil || a.idle() {
		return nil
	}
	s := a.link.Stats()
	return &LineFigures{Estimate: s.Estimate, Queue: s.Queue, Loss: s.Loss, Probes: s.Probes, Cuts: s.Cuts}
}

// sent returns what a viewer was told of a subscription last.
func (m *mediaSession) sent() SubscriptionState {
	if m.allot == nil {
		return SubscriptionState{Publisher: m.publisher}
	}
	m.allot.mu.Lock()
	defer m.allot.mu.Unlock()
	for _, s := range m.allot.subs {
		if s.m == m {
			return s.told
		}
	}
	return SubscriptionState{Publisher: m.publisher}
}
