package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// openTLS gets ready to encrypt, if it is wanted, and to redirect those who come without.
func (n *Node) openTLS(ctx context.Context) error {
	t := n.config.TLS
	redirect := http.Handler(http.HandlerFunc(n.redirect))
	var plain net.Listener
	if t.Redirect != "" {
		var err error
		if plain, err = n.bind(ctx, "http_redirect", t.Redirect); err != nil {
			return err
		}
		n.redirectAt = plain.Addr()
	}
	switch {
	case t.Cert != "":
		files := &certFiles{cert: t.Cert, key: t.Key, log: n.log}
		if err := files.load(); err != nil {
			return fmt.Errorf("tls_cert and tls_key: %w", err)
		}
		n.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.get}
	case len(t.Domains) > 0:
		m, err := n.openMagic()
		if err != nil {
			return err
		}
		n.tls = m.config.TLSConfig()
		n.tls.MinVersion = tls.VersionTLS12
		n.add("certificates", m.run)
		redirect = m.issuer.HTTPChallengeHandler(redirect)
	}
	if plain != nil {
		n.add("http redirect", func(ctx context.Context) error { return n.serveRedirect(ctx, plain, redirect) })
	}
	return nil
}

// redirect sends browsers to the encrypted door. Whoever sends something gets an error rather than another
// try: it has already said its secrets in the clear, and should hear of it.
func (n *Node) redirect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Authorization") != "" {
		http.Error(w, "this is plain HTTP; use "+n.public, http.StatusForbidden)
		return
	}
	target := r.URL.RequestURI()
	if !strings.HasPrefix(target, "/") { // "x:@elsewhere" would become a part of the host
		target = "/"
	}
	http.Redirect(w, r, n.public+target, http.StatusPermanentRedirect) //nolint:gosec // the host is ours, and ends before the target
}

func (n *Node) serveRedirect(ctx context.Context, l net.Listener, h http.Handler) error {
	s := newServer(n.config.Door, n.log)
	s.Handler = h
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// lookAgain is how long certificates are taken for what their files hold.
const lookAgain = time.Second

// certFiles are a certificate and its key in files, which are read again when they change. While what they
// hold is of no use (half written, or of different pairs), what they held before stays in use.
type certFiles struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	state  [2]fileState
	looked time.Time
}

// fileState tells whether a file has changed.
type fileState struct {
	size     int64
	modified time.Time
}

func stateOf(path string) (fileState, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}, err
	}
	return fileState{info.Size(), info.ModTime()}, nil
}

// load reads both files.
func (f *certFiles) load() error {
	var state [2]fileState
	for i, path := range []string{f.cert, f.key} {
		var err error
		if state[i], err = stateOf(path); err != nil {
			return err
		}
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.pair, f.state, f.looked = &pair, state, time.Now()
	return nil
}

// get is tls.Config.GetCertificate.
func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < lookAgain {
		return f.pair, nil
	}
	f.looked = time.Now()
	cert, errC := stateOf(f.cert)
	key, errK := stateOf(f.key)
	if errC == nil && errK == nil && f.state == [2]fileState{cert, key} {
		return f.pair, nil
	}
	if err := f.load(); err != nil {
		f.log.Warn("certificate not read again, the one before stays in use", "error", err)
	} else {
		f.log.Info("certificate read again", "file", f.cert, "not_after", f.pair.Leaf.NotAfter)
	}
	return f.pair, nil
}

// magic gets and renews certificates by ACME.
type magic struct {
	config  *certmagic.Config
	issuer  *certmagic.ACMEIssuer
	cache   *certmagic.Cache
	domains []string
}

func (n *Node) openMagic() (*magic, error) {
	t := n.config.TLS
	roots, err := readRoots(t.DirectoryCA)
	if err != nil {
		return nil, fmt.Errorf("tls_directory_ca: %w", err)
	}
	host, _, err := net.SplitHostPort(n.config.HTTP)
	if err != nil {
		return nil, fmt.Errorf("http %s: %w", n.config.HTTP, err)
	}
	m := &magic{domains: t.Domains}
	silent := zap.NewNop() // what matters comes by OnEvent
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return m.config, nil },
		Logger:           silent,
	})
	n.onClose("certificates", func() error {
		m.cache.Stop()
		return nil
	})
	m.config = certmagic.New(m.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: n.data.file("certificates")},
		OnEvent: n.onCertificate, Logger: silent,
	})
	template := certmagic.ACMEIssuer{
		// The same for TestCA: when attempts fail, others are not made elsewhere.
		CA: t.Directory, TestCA: t.Directory, Email: t.Email, Agreed: true, TrustedRoots: roots, Logger: silent,
		// The listeners that are there answer the challenges.
		ListenHost: host, AltTLSALPNPort: portOf(n.listen.Addr()),
		DisableHTTPChallenge: n.redirectAt == nil, AltHTTPPort: portOf(n.redirectAt),
	}
	m.issuer = certmagic.NewACMEIssuer(m.config, template)
	m.config.Issuers = []certmagic.Issuer{m.issuer}
	return m, nil
}

// run gets what is missing and renews what ends, until ctx ends.
func (m *magic) run(ctx context.Context) error {
	if err := m.config.ManageAsync(ctx, m.domains); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// onCertificate logs what becomes of certificates.
func (n *Node) onCertificate(_ context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtained":
		n.log.Info("certificate obtained", "domain", data["identifier"], "renewal", data["renewal"])
	case "cert_failed":
		n.log.Warn("certificate not obtained, trying again", "domain", data["identifier"], "error", data["error"])
	}
	return nil
}

func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // nil stands for the system's
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it holds no certificate")}
	}
	return pool, nil
}

func portOf(a net.Addr) int {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}
