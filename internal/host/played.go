package host

import (
	"math"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	// PlayedEvery is how often players are asked to tell what they played.
	PlayedEvery = 10 * time.Second
	// playedFor is how long a player's word counts.
	playedFor = 3 * PlayedEvery
)

// Played is what a player says of one publisher's picture: how many frames it has decoded and dropped since its
// subscription began. Only the player knows; the server has no way to check.
type Played struct {
	Publisher        live.ParticipantID
	Decoded, Dropped uint64 // frames
}

// Played takes a player's word. What it says of publishers that it does not watch is ignored.
func (p *Participation) Played(list []Played) {
	now := media.Now()
	for _, word := range list {
		p.s.mu.Lock()
		var m *mediaSession
		if p.s.roster != nil {
			m = p.s.h.media.find(p.s.roster.Watching(p.Who, word.Publisher))
		}
		p.s.mu.Unlock()
		if m != nil {
			m.player.take(word, now)
		}
	}
}

// PlayerFigures are what a viewer's player said of the picture it plays.
type PlayerFigures struct {
	At               time.Time
	Decoded, Dropped uint64  // frames since the subscription began
	DroppedRatio     float64 // 0..1, between its last two words
}

// player is what a viewer's player has said.
type player struct {
	mu               sync.Mutex
	at               media.Time // 0 before the first word
	decoded, dropped uint64     // as told last
	newDecoded       uint64     // since the word before
	newDropped       uint64
}

func (p *player) take(word Played, now media.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if word.Decoded < p.decoded || word.Dropped < p.dropped { // it counts anew
		p.decoded, p.dropped = 0, 0
	}
	p.newDecoded, p.newDropped = word.Decoded-p.decoded, word.Dropped-p.dropped
	p.decoded, p.dropped, p.at = word.Decoded, word.Dropped, max(now, 1)
}

// recent returns what the player did between its last two words, nothing if they are old.
func (p *player) recent(now media.Time) (decoded, dropped float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == 0 || now-p.at > playedFor {
		return 0, 0
	}
	return float64(p.newDecoded), float64(p.newDropped)
}

// figures returns all that the player has told, and the share it dropped of late; ok is false if it told nothing yet.
func (p *player) figures() (f PlayerFigures, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == 0 {
		return f, false
	}
	f = PlayerFigures{Decoded: p.decoded, Dropped: p.dropped, At: wall(p.at)}
	if all := float64(p.newDecoded) + float64(p.newDropped); all > 0 {
		f.DroppedRatio = math.Min(float64(p.newDropped)/all, 1)
	}
	return f, true
}
