// Package admin answers health, readiness, metrics and profiles.
//
// It starts no goroutine: numbers are read where they are counted, at the moment someone asks. It decides
// nothing and knows none of the parts it reports on; node hands in what to ask. Health depends on nothing
// outside the process. Metrics and profiles tell more than a stranger should know, so they are given to the
// networks that the operator allows, by default this machine only; labels are of closed sets, and never hold
// the name of a stage or of a person.
package admin

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Part is something that must serve before the node is ready.
type Part struct {
	Name string
	// Ready returns nil while the part serves; it is quick, and may be called at once.
	Ready func() error
}

// Options are what an Admin reports on, and to whom.
type Options struct {
	Parts   []Part
	Metrics *Metrics       // nil: no metrics are served
	Allow   []netip.Prefix // who may read metrics and profiles
	Pprof   bool
	Log     *slog.Logger // nil: slog.Default()
}

// Admin serves the operator's questions.
type Admin struct{ o Options }

// New returns an Admin.
func New(o Options) *Admin {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Admin{o: o}
}

// Register adds /healthz, /readyz, /metrics and, if they are wanted, the profiles to mux.
func (a *Admin) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", a.health)
	mux.HandleFunc("GET /readyz", a.ready)
	if a.o.Metrics != nil {
		mux.Handle("GET /metrics", a.guard(promhttp.HandlerFor(a.o.Metrics.registry, promhttp.HandlerOpts{
			ErrorLog: logPrinter{a.o.Log},
			// A scraper waits for its answer; more at once than this is not a scraper.
			MaxRequestsInFlight: 4,
		})))
	}
	if a.o.Pprof {
		mux.Handle("GET /debug/pprof/", a.guard(http.HandlerFunc(pprof.Index)))
		mux.Handle("GET /debug/pprof/cmdline", http.NotFoundHandler()) // flags may tell where the database is
		mux.Handle("GET /debug/pprof/profile", a.guard(http.HandlerFunc(pprof.Profile)))
		mux.Handle("GET /debug/pprof/symbol", a.guard(http.HandlerFunc(pprof.Symbol)))
		mux.Handle("GET /debug/pprof/trace", a.guard(http.HandlerFunc(pprof.Trace)))
	}
}

// health answers while the process can answer at all.
func (a *Admin) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readiness is the body of /readyz.
type readiness struct {
	Ready bool              `json:"ready"`
	Parts map[string]string `json:"parts"`
}

// ready answers 200 exactly while every part serves; otherwise 503, and which part does not. Why stands in the
// log: it may hold addresses, and the answer is for everyone.
func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) {
	body := readiness{Ready: true, Parts: map[string]string{}}
	for _, part := range a.o.Parts {
		body.Parts[part.Name] = "serving"
		if err := part.Ready(); err != nil {
			body.Ready = false
			body.Parts[part.Name] = "not serving"
			a.o.Log.Debug("part not ready", "part", part.Name, "error", err)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	if !body.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody to tell
}

// forwarded are the headers by which a proxy says that it asks for someone else.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"}

// guard refuses whoever is not in an allowed network. What a proxy forwarded is refused as well: its own
// address says nothing of who asks.
func (a *Admin) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied := slices.ContainsFunc(forwarded, func(name string) bool { return r.Header.Get(name) != "" })
		if proxied || !a.allowed(r.RemoteAddr) {
			http.Error(w, "only for the networks in the setting metrics_allow, asked directly", http.StatusForbidden)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (a *Admin) allowed(remote string) bool {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := from.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(a.o.Allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// logPrinter gives promhttp's complaints to the log.
type logPrinter struct{ log *slog.Logger }

func (l logPrinter) Println(v ...any) { l.log.Warn("metrics not gathered", "error", v) }
