package rtc

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

// Options says where a Transport listens and how patient it is.
type Options struct {
	// Listen holds "host:port" addresses, each served over UDP and TCP.
	Listen []string
	// Advertise holds the addresses that answers name instead of the bound ones (behind NAT). A port of 0
	// stands for the first listener's port.
	Advertise []netip.AddrPort
	// PendingTimeout is how long a peer may take from offer to its first valid connectivity check. 0 means 15 s.
	PendingTimeout time.Duration
	// HandshakeTimeout is how long DTLS may take. 0 means 10 s.
	HandshakeTimeout time.Duration
	// ConsentTimeout is how long a peer lives without a valid connectivity check. 0 means 30 s (RFC 7675).
	ConsentTimeout time.Duration
	// MaxPeers bounds the peers alive at once. 0 means 20000.
	MaxPeers int
	// StartBitrate is the video bitrate that browsers are told to begin with. 0 means 1.5 Mbit/s.
	StartBitrate media.Bitrate
	// Shards is the number of UDP sockets per address. 0 means 1.
	Shards int
	Log    *slog.Logger
}

// State is a peer's state of life. It only moves forward.
type State uint8

// The states.
const (
	New       State = iota // offer answered, not connected yet
	Connected              // ICE and DTLS are up: media may flow
	Failed                 // timed out, refused or lost; the peer is gone
	Closed                 // closed by us, or by a goodbye of the far end; the peer is gone
)

// PeerOptions are one peer's options.
type PeerOptions struct {
	// ID names the peer in logs.
	ID string
	// OnTrack is called for each track a publisher may send, once, before OnState(Connected), from a goroutine
	// of the peer. It returns who takes the packets, or nil.
	OnTrack func(media.Source) media.Receiver
	// OnState is called once for Connected (if it comes to that) and once for Failed or Closed, in this order,
	// never under a lock of this package.
	OnState func(State)
}

// Transport is the media side of a node: its port, and the peers behind it.
type Transport struct{}

// Open binds the addresses.
func Open(o Options) (*Transport, error) { panic("rtc: being written") }

// Run serves until ctx ends, then closes every peer and the port.
func (t *Transport) Run(ctx context.Context) error { panic("rtc: being written") }

// NewBatch returns a batch for Local.Write, for one worker.
func (t *Transport) NewBatch() *packetio.Batch { panic("rtc: being written") }

// Publish accepts an offer to send media and returns the peer and the SDP answer.
func (t *Transport) Publish(offer *sdp.Offer, o PeerOptions) (*Peer, []byte, error) {
	panic("rtc: being written")
}

// Subscribe accepts an offer to receive the tracks.
func (t *Transport) Subscribe(offer *sdp.Offer, tracks []media.Track, o PeerOptions) (*Peer, []byte, error) {
	panic("rtc: being written")
}

// Peer is one remote end.
type Peer struct{}

// Tracks returns what a publisher may send, as negotiated.
func (p *Peer) Tracks() []media.Track { panic("rtc: being written") }

// Sink returns the outgoing track of the kind, nil if it was not negotiated.
func (p *Peer) Sink(kind media.Kind) *Local { panic("rtc: being written") }

// Patch takes a trickle-ice-sdpfrag. It returns nil when there is nothing to answer (204), or the fragment
// that answers an ICE restart (200).
func (p *Peer) Patch(frag []byte) ([]byte, error) { panic("rtc: being written") }

// ETag names the peer's ICE session for WHIP: it changes with each ICE restart. It has no quotes.
func (p *Peer) ETag() string { panic("rtc: being written") }

// Close says goodbye and ends the peer. It may be called more than once and from any goroutine.
func (p *Peer) Close() { panic("rtc: being written") }

// Done is closed when the peer is gone.
func (p *Peer) Done() <-chan struct{} { panic("rtc: being written") }

// State returns the state of life.
func (p *Peer) State() State { panic("rtc: being written") }

// Local is one outgoing track of a viewer.
type Local struct{}

// SetFeedback says who takes what the viewer says of this track. Call it before or after Connected.
func (l *Local) SetFeedback(f media.Feedback) { panic("rtc: being written") }

// Write encrypts one packet into the batch; it is dropped silently while the peer isn't connected.
func (l *Local) Write(b *packetio.Batch, h media.Header, payload []byte) { panic("rtc: being written") }

// WriteReport takes the source's sender report, its RTP time already mapped to the outgoing stream. From then
// on the viewer gets a sender report every second that continues this clock.
func (l *Local) WriteReport(r media.SenderReport) { panic("rtc: being written") }
