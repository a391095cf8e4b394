// Package node opens the floors, runs the roles, and closes in reverse.
//
// It is where everything meets: it depends on nearly all other packages, so nothing but commands and tests
// imports it. Open opens in the order of the floors and fails with what was wrong; Run owns a goroutine for
// each part that runs, and when it returns all of them have ended.
//
// Deliberately not here: any rule of what the parts do. What is here is which parts there are, what each is
// told, who answers which path, and the order in which they stop.
package node

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/bus/nats"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/notify"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/tracing"
)

// Options say what a node is.
type Options struct {
	Config  *config.Config
	Log     *slog.Logger // nil: slog.Default()
	Version string       // of the build, for metrics and traces; "" is unknown
}

// Node is an open server. Make it with Open; then call either Run or Close, once.
type Node struct {
	config     *config.Config
	log        *slog.Logger
	data       *dataDir
	buckets    *buckets
	id         live.NodeID
	keys       Credentials
	public     string
	listen     net.Listener
	tls        *tls.Config // nil: HTTP is not encrypted
	redirectAt net.Addr    // nil: nothing redirects
	metrics    *admin.Metrics
	version    string
	tracer     *tracing.Tracer // nil: nothing is traced

	store   *store.Store
	keyring *access.Keyring
	master  access.MasterKey
	notify  *notify.Service
	// operators has the endpoints below /admin/v1/; roles add theirs when they open.
	operators *admin.V1
	bus       *nats.Bus
	control   *control.Service
	media     *mediaRole // nil without the role
	handler   http.Handler

	running  []*part
	closers  []closer
	draining atomic.Bool
	started  atomic.Bool
	ready    chan struct{} // closed when all parts run
	closed   sync.Once
	demo     *part       // nil without the demo
	link     chan string // receives the demo's link once it is known
}

type closer struct {
	name  string
	close func() error
}

// Open opens everything the configured roles need. Listeners are bound when it returns, but nothing is served
// until Run. The error names the setting that was in the way, where it was one.
func Open(ctx context.Context, o Options) (*Node, error) {
	n := &Node{config: o.Config, log: o.Log, ready: make(chan struct{}), link: make(chan string, 1), metrics: admin.NewMetrics()}
	if n.log == nil {
		n.log = slog.Default()
	}
	n.version = cmp.Or(o.Version, "unknown")
	n.countOpen()
	for _, open := range []func(context.Context) error{n.openData, n.openTracing, n.openListener, n.openTLS, n.openStore, n.openKeys, n.openOperators, n.openBus, n.openRoles, n.openDoor} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

func (n *Node) openData(context.Context) (err error) {
	if n.data, err = openDataDir(n.config.DataDir); err != nil {
		return err
	}
	n.onClose("data dir", n.data.Close)
	if n.id, err = n.data.nodeID(); err != nil {
		return err
	}
	if n.buckets, err = openBuckets(n.config, n.data.file("buckets")); err != nil {
		return err
	}
	n.keys, err = rootCredentials(n.config, n.data)
	return err
}

func (n *Node) openStore(ctx context.Context) (err error) {
	o := store.Options{Log: n.log}
	if n.config.Database == "sqlite" {
		o.Path = n.data.file(databaseFile)
	} else {
		o.URL = n.config.Database
	}
	if n.store, err = store.Open(ctx, o); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	n.onClose("store", n.store.Close)
	return nil
}

func (n *Node) openBus(context.Context) (err error) {
	if n.bus, err = nats.Open(nats.Options{Node: n.id, Log: n.log}); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	n.onClose("bus", n.bus.Close)
	return nil
}

func (n *Node) onClose(name string, end func() error) {
	n.closers = append(n.closers, closer{name, end})
}

// Close closes what Open opened, the last first. Run does it by itself.
func (n *Node) Close() error {
	var errs []error
	n.closed.Do(func() {
		for i := len(n.closers) - 1; i >= 0; i-- {
			if err := n.closers[i].close(); err != nil {
				errs = append(errs, fmt.Errorf("close %s: %w", n.closers[i].name, err))
			}
		}
	})
	return errors.Join(errs...)
}

// Run serves until ctx ends, then drains: readiness ends, those who are there are told to leave, calls under
// way are finished, and everything stops, the door first. That takes no longer than the drain timeout and a
// few seconds. It returns nil after that, or what ended the node early.
func (n *Node) Run(ctx context.Context) error {
	parts := n.running
	failed := make(chan error, len(parts)+1)
	for _, p := range parts {
		p.start(failed)
	}
	n.started.Store(true)
	server := n.server()
	go func() {
		if err := n.serve(server); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve http: %w", err)
			return
		}
		failed <- nil
	}()
	close(n.ready)

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	n.draining.Store(true)
	n.log.Info("draining", "timeout", n.config.DrainTimeout)
	return errors.Join(err, n.stop(server), n.Close())
}

// stopIn is how long a part may take to stop once it has been told; the parts have shorter patience themselves.
const stopIn = 5 * time.Second

// stop ends what runs: the demo, then those who are there, the door, and the parts in reverse.
func (n *Node) stop(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), n.config.DrainTimeout+stopIn)
	defer cancel()
	var errs []error
	if n.demo != nil { // nobody waits for the demo to leave
		errs = append(errs, n.demo.stop(stopIn))
	}
	if n.media != nil {
		n.media.drain(ctx, n.config.DrainTimeout)
	}
	n.notify.CloseStreams() // nobody would end them, and the door waits for them
	if err := server.Shutdown(ctx); err != nil {
		errs = append(errs, server.Close())
	}
	for i := len(n.running) - 1; i >= 0; i-- {
		errs = append(errs, n.running[i].stop(stopIn))
	}
	if n.media != nil {
		n.media.signal.Close(ctx)
	}
	return errors.Join(errs...)
}

// Ready returns a channel that is closed when everything serves for the first time.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// HTTP returns the address that HTTP is served on.
func (n *Node) HTTP() net.Addr { return n.listen.Addr() }

// PublicURL returns where clients find the server, without a slash at the end.
func (n *Node) PublicURL() string { return n.public }

// Credentials returns the root credentials.
func (n *Node) Credentials() Credentials { return n.keys }

// DataDir returns the absolute path of the data dir.
func (n *Node) DataDir() string { return n.data.path }

// DemoLink returns a channel that receives the link to the demo's stage when there is one.
func (n *Node) DemoLink() <-chan string { return n.link }
