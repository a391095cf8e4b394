package node

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

const acmeDomain = "live.example.org"

// acmeServer is Let's Encrypt's own test server. It validates at the ports given, and finds every name at
// 127.0.0.1.
type acmeServer struct {
	*httptest.Server
	caFile string // what the server is trusted by
	roots  *x509.CertPool
}

func newACMEServer(t *testing.T, httpPort, tlsPort int) *acmeServer {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(t.Output(), "acme ", 0)
	store := db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default"}})
	validator := va.New(quiet, httpPort, tlsPort, true, nameServer(t), store)
	front := wfe.New(quiet, store, validator, authority, nil, true, false, 1, 1)
	s := &acmeServer{Server: httptest.NewTLSServer(front.Handler()), roots: x509.NewCertPool()}
	t.Cleanup(s.Close)
	s.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.roots.AddCert(authority.GetRootCert(0).Cert)
	return s
}

// nameServer answers every question for an address with 127.0.0.1.
func nameServer(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	server := &dns.Server{Listener: l, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1),
			}}
		}
		_ = w.WriteMsg(answer) // who asked asks again
	})}
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		_ = server.Shutdown()
		<-done
	})
	return l.Addr().String()
}

// freePort returns a port that was free a moment ago: the ACME server must know it before the node has it.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return portOf(l.Addr())
}

// The node gets a certificate by itself, by each of the challenges, and keeps it over a restart.
func TestTLS_GetsCertificatesFromAnACMEServer(t *testing.T) {
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			httpPort, tlsPort := freePort(t), freePort(t)
			at := net.JoinHostPort("127.0.0.1", itoa(tlsPort))
			validateTLS := tlsPort
			dir := t.TempDir()
			args := []string{"--data-dir", dir, "--http", at, "--tls-domain", acmeDomain, "--tls-email", "admin@example.org"}
			if challenge == "http-01" {
				args = append(args, "--http-redirect", net.JoinHostPort("127.0.0.1", itoa(httpPort)))
				validateTLS = freePort(t) // nothing is there, so this challenge fails
			}
			acme := newACMEServer(t, httpPort, validateTLS)
			args = append(args, "--tls-directory", acme.URL+wfe.DirectoryPath, "--tls-directory-ca", acme.caFile)

			n := open(t, settings(t, args...))
			stop := run(t, n)
			if want := "https://" + acmeDomain + ":" + itoa(tlsPort); n.PublicURL() != want {
				t.Errorf("the public URL is %s, want %s", n.PublicURL(), want)
			}
			first := eventuallyEncrypted(t, at, acme.roots)
			if err := stop(); err != nil {
				t.Error(err)
			}

			acme.Close() // a certificate that is kept needs no server
			again := open(t, settings(t, args...))
			run(t, again)
			if second := eventuallyEncrypted(t, at, acme.roots); !second.Equal(first) {
				t.Error("another certificate after a restart")
			}
		})
	}
}

// eventuallyEncrypted waits until the node has a certificate that the roots vouch for.
func eventuallyEncrypted(t *testing.T, at string, roots *x509.CertPool) *x509.Certificate {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: acmeDomain}}
	defer transport.CloseIdleConnections()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+at+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: transport}).Do(r)
		if err == nil {
			answer.Body.Close()
			return answer.TLS.PeerCertificates[0]
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no certificate: %v", err)
		}
	}
}

func TestTLS_RefusesRootsThatAreNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Config: settings(t, "--tls-domain", acmeDomain, "--tls-directory-ca", path)})
	if err == nil || !strings.Contains(err.Error(), "tls_directory_ca") || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}
