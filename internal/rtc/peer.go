package rtc

import (
	"sync"
	"sync/atomic"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/bwe"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

// State is a peer's state of life. It only moves forward.
type State uint32

// The states.
const (
	New       State = iota // offer answered, not connected yet
	Connected              // ICE and DTLS are up: media may flow
	Failed                 // timed out, refused or lost; the peer is gone
	Closed                 // closed by us, or by a goodbye of the far end; the peer is gone
)

// String returns the state in lower case.
func (s State) String() string {
	return [...]string{"new", "connected", "failed", "closed"}[min(s, Closed)]
}

// PeerOptions are one peer's options.
type PeerOptions struct {
	// ID names the peer in logs.
	ID string
	// CNAME is the canonical name of a viewer's tracks and the id of their stream; "" means ID. Tracks of one
	// name are played in sync.
	CNAME string
	// OnTrack is called for each track a publisher may send, once, before OnState(Connected), from a goroutine
	// of the peer. It returns who takes the packets, or nil.
	OnTrack func(media.Source) media.Receiver
	// OnState is called once for Connected (if it comes to that) and once for Failed or Closed, in this order,
	// never under a lock of this package. It may call the peer's methods.
	OnState func(State)
	// Link estimates what the viewer's line bears; all peers of one participant share it. nil: nobody does.
	Link *bwe.Link
}

// Peer is one remote end: a publisher, whose tracks come in, or a viewer, whose Locals go out.
// Its methods may be called from any goroutine.
type Peer struct {
	t       *Transport
	options PeerOptions
	ssrc    uint32 // of our own reports
	prints  []sdp.Fingerprint
	mid     string // of the first section
	slot    int    // in the wheel
	born    media.Time

	remotes []*remote // of a publisher
	locals  []*Local  // of a viewer

	ice  agent
	wire wire
	rx   incoming
	tx   outgoing

	state atomic.Uint32
	done  chan struct{}

	mu      sync.Mutex
	news    []State // to be told, in order
	telling bool
}

func (t *Transport) newPeer(offer *sdp.Offer, o PeerOptions) *Peer {
	if o.CNAME == "" {
		o.CNAME = o.ID
	}
	if o.CNAME == "" {
		o.CNAME = randomText(9)
	}
	p := &Peer{
		t: t, options: o, ssrc: random32(), prints: offer.Fingerprints, mid: offer.Medias[0].MID,
		born: media.Now(), done: make(chan struct{}),
	}
	p.wire.init(p)
	return p
}

// ID returns the id of the options.
func (p *Peer) ID() string { return p.options.ID }

// Tracks returns what a publisher may send, as negotiated.
func (p *Peer) Tracks() []media.Track {
	tracks := make([]media.Track, 0, len(p.remotes))
	for _, r := range p.remotes {
		tracks = append(tracks, r.track)
	}
	return tracks
}

// Sink returns a viewer's outgoing track of the kind, nil if it was not negotiated.
func (p *Peer) Sink(kind media.Kind) *Local {
	for _, l := range p.locals {
		if l.kind == kind {
			return l
		}
	}
	return nil
}

// State returns the state of life.
func (p *Peer) State() State { return State(p.state.Load()) }

// Done is closed when the peer is gone.
func (p *Peer) Done() <-chan struct{} { return p.done }

// ETag names the peer's ICE session for WHIP: it changes with each ICE restart. It has no quotes.
func (p *Peer) ETag() string {
	p.ice.mu.Lock()
	defer p.ice.mu.Unlock()
	return p.ice.current.local.Ufrag
}

// Patch takes a trickle-ice-sdpfrag. Candidates are counted against their cap and not used: the server
// never sends first. It returns nil when there is nothing to answer (204), or the fragment that answers an
// ICE restart (200). It returns INVALID_OFFER for a malformed fragment.
func (p *Peer) Patch(frag []byte) ([]byte, error) {
	f, err := sdp.ParseFragment(frag)
	if err != nil {
		return nil, err
	}
	p.ice.mu.Lock()
	same := f.ICE == sdp.Credentials{} || f.ICE == p.ice.current.remote
	p.ice.mu.Unlock()
	if same {
		return nil, nil
	}
	return sdp.FragmentAnswer(p.mid, p.restart(f.ICE), p.t.candidates), nil
}

// Close says goodbye and ends the peer. It may be called more than once.
func (p *Peer) Close() {
	if p.State() == Connected {
		p.sendBye()
	}
	p.end(Closed)
}

// connected is called once, by the goroutine that shook hands.
func (p *Peer) connected() {
	if !p.state.CompareAndSwap(uint32(New), uint32(Connected)) {
		return
	}
	p.t.counters.Connected.Add(1)
	p.tell(Connected)
}

// end moves to a last state, once.
func (p *Peer) end(to State) {
	for {
		old := p.state.Load()
		if State(old) > Connected {
			return
		}
		if p.state.CompareAndSwap(old, uint32(to)) {
			break
		}
	}
	if to == Failed {
		p.t.counters.Failed.Add(1)
	}
	p.forget()
	p.t.remove(p)
	p.wire.end()
	p.tx.end()
	close(p.done)
	p.tell(to)
}

// tell calls OnState in the order of the news, one call at a time and under no lock: whoever comes while a
// call runs leaves its news to that caller.
func (p *Peer) tell(s State) {
	if p.options.OnState == nil {
		return
	}
	p.mu.Lock()
	p.news = append(p.news, s)
	if p.telling {
		p.mu.Unlock()
		return
	}
	p.telling = true
	for len(p.news) > 0 {
		next := p.news[0]
		p.news = p.news[1:]
		p.mu.Unlock()
		p.options.OnState(next)
		p.mu.Lock()
	}
	p.telling = false
	p.mu.Unlock()
}
