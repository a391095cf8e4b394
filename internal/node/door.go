package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/api"
	"github.com/proscenium-live/proscenium/internal/console"
)

// openDoor builds what answers HTTP.
func (n *Node) openDoor(context.Context) error {
	pages, err := console.New(console.Options{Connect: n.origins()})
	if err != nil {
		return err
	}
	calls, err := n.openAPI()
	if err != nil {
		return err
	}
	questions := http.NewServeMux()
	n.openAdmin().Register(questions)
	d := &door{console: pages, api: calls, admin: questions, operators: n.operators, signal: http.HandlerFunc(noMedia)}
	if n.media != nil {
		d.signal = n.media.handler()
	}
	n.handler = n.recovered(d)
	if n.config.LogAccess {
		n.handler = &accessLog{next: n.handler, clients: n.clients(), log: n.log}
	}
	return nil
}

// origins are what the console's pages call when they were opened by another name than the public one.
func (n *Node) origins() []string {
	return []string{n.public, "ws" + strings.TrimPrefix(n.public, "http")}
}

func (n *Node) openAPI() (http.Handler, error) {
	limiter, err := n.limiter()
	if err != nil {
		return nil, err
	}
	return api.New(api.Options{
		Parts:   api.PartsOf(n.control),
		Keys:    n.keyring,
		MaxBody: int64(n.config.Door.BodyBytes),
		Region:  n.config.Region,
		Account: n.config.AccountID,
		Limiter: limiter,
		Observe: n.metrics.ObserveCall,
		Tracer:  n.tracer,
		Log:     n.log,
	}), nil
}

// limiter returns nil if the quotas limit no call.
func (n *Node) limiter() (api.Limiter, error) {
	all, err := n.config.Quotas.RatesFrom(api.DefaultRates())
	if err != nil {
		return nil, err
	}
	limited := api.Rates{}
	for operation, rate := range all {
		if rate > 0 {
			limited[operation] = rate
		}
	}
	if len(limited) == 0 {
		return nil, nil //nolint:nilnil // no limiter is a limiter's way to say that nothing is limited
	}
	return api.NewLimiter(limited, nil), nil
}

// openOperators makes the endpoints for operators, for others to add to.
func (n *Node) openOperators(context.Context) error {
	n.operators = admin.NewV1(admin.V1Options{Keys: n.keyring, Region: n.config.Region, Log: n.log})
	return nil
}

func (n *Node) openAdmin() *admin.Admin {
	allow := make([]netip.Prefix, len(n.config.MetricsAllow))
	for i, text := range n.config.MetricsAllow {
		allow[i] = netip.MustParsePrefix(text) // config has checked it
	}
	return admin.New(admin.Options{
		Parts: n.parts(), Metrics: n.metrics, Allow: allow, Pprof: n.config.Pprof, Log: n.log,
	})
}

// door sends each request to who answers it. It looks at the path as it came and cleans nothing: the API signs
// paths, and a redirect to a cleaner one would be a false signature.
type door struct{ console, api, admin, operators, signal http.Handler }

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.choose(r).ServeHTTP(w, r)
}

func (d *door) choose(r *http.Request) http.Handler {
	path := r.URL.Path
	switch {
	case path == "/healthz", path == "/readyz", path == "/metrics", strings.HasPrefix(path, "/debug/pprof/"):
		return d.admin
	case strings.HasPrefix(path, admin.Path):
		return d.operators
	case path == "/console", strings.HasPrefix(path, console.Path):
		return d.console
	case strings.HasPrefix(path, "/events/"), path == "/whip", strings.HasPrefix(path, "/whip/"):
		return d.signal
	case path == "/" && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
		return http.RedirectHandler(console.Path, http.StatusFound)
	}
	return d.api
}

func noMedia(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "this node does not have the role media", http.StatusServiceUnavailable)
}

// recovered answers 500 when a handler panics, and logs it: net/http would break the connection instead.
func (n *Node) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch fault := recover(); fault {
			case nil:
			case http.ErrAbortHandler:
				panic(fault)
			default:
				n.log.Error("handler panicked", "method", r.Method, "panic", fmt.Sprint(fault), "stack", stack())
				http.Error(w, "internal error", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

var errDraining = errors.New("draining")
