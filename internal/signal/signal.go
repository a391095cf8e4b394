// Package signal speaks what clients speak: the state socket, WHIP and WHEP (docs/signalling.md).
//
// It turns requests and frames into calls of host, and what host says into frames and answers. Everything a client
// sends is bounded here: bodies, frames, frames per second; and so is what waits for a client that reads slowly.
//
// Goroutines: each state socket has one that reads and one that writes; a ping in flight has one more. Close waits for all of them.
//
// Deliberately not here: who may do what (host, roster), SDP beyond its size (sdp), the listener and its timeouts (node).
package signal

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/tracing"
)

// Options say what a Handler works with and within.
type Options struct {
	Host *host.Host
	Log  *slog.Logger // nil: slog.Default()

	// ClientAddr tells where a request comes from, for limits. nil takes the connection's far end; a node behind a
	// proxy that it trusts may look at the proxy's word instead.
	ClientAddr func(*http.Request) netip.Addr

	// ICEServers tells what a participant may reach the media port by; nil: nothing but the port itself.
	ICEServers func(live.StageID, live.ParticipantID) []ICEServer

	// Joined hears how long it took from an accepted socket to the whole state; nil: nobody does. It must not block.
	Joined func(time.Duration)
	Tracer *tracing.Tracer // nil: nothing is traced

	MaxBody      int64         // bytes of an offer; 0 means 256 KiB
	MaxFrame     int64         // bytes of a frame from a client; 0 means 16 KiB
	FrameRate    int           // frames per second from a client, twice as many at once; 0 means 20
	Queue        int           // frames that wait for a slow reader; 0 means 256
	PingInterval time.Duration // between pings, and the patience for their answers; 0 means 15 s
	WriteTimeout time.Duration // for one frame; 0 means 10 s
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.ClientAddr == nil {
		o.ClientAddr = remoteAddr
	}
	if o.Joined == nil {
		o.Joined = func(time.Duration) {}
	}
	if o.ICEServers == nil {
		o.ICEServers = func(live.StageID, live.ParticipantID) []ICEServer { return nil }
	}
	o.MaxBody = cmp.Or(o.MaxBody, 256<<10)
	o.MaxFrame = cmp.Or(o.MaxFrame, 16<<10)
	o.FrameRate = cmp.Or(o.FrameRate, 20)
	o.Queue = cmp.Or(o.Queue, 256)
	o.PingInterval = cmp.Or(o.PingInterval, 15*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	return o
}

// Handler serves /events/{topic}, /whip, /whip/subscribe/{participantId} and /whip/sessions/{id}.
type Handler struct {
	o    Options
	host *host.Host
	log  *slog.Logger
	mux  *http.ServeMux

	ctx    context.Context // ends when open sockets are to be cut
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup // open sockets; added to under mu while not closed
}

// New returns a handler. Close must be called to end the sockets that it has open, since an http.Server forgets them.
func New(o Options) *Handler {
	o = o.withDefaults()
	h := &Handler{o: o, host: o.Host, log: o.Log, mux: http.NewServeMux()}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.mux.HandleFunc("/events/{topic}", h.events)
	h.mux.HandleFunc("/whip", h.whip("publish", h.publish))
	h.mux.HandleFunc("/whip/{$}", h.whip("publish", h.publish))
	h.mux.HandleFunc("/whip/subscribe/{participant}", h.whip("subscribe", h.subscribe))
	h.mux.HandleFunc("/whip/sessions/{id}", h.resource)
	h.mux.HandleFunc("/", h.nowhere)
	return h
}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Close waits until the open sockets have ended, which they do by themselves when their host has stopped, and cuts
// what is left when ctx ends. Later sockets are refused.
func (h *Handler) Close(ctx context.Context) {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	stop := context.AfterFunc(ctx, h.cancel)
	defer stop()
	h.wg.Wait()
	h.cancel()
}

// enter counts a socket in, unless the handler is closed.
func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.wg.Add(1)
	}
	return !h.closed
}

func remoteAddr(r *http.Request) netip.Addr {
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero Addr of what can't be read is limited like any other
	return from.Addr()
}
