package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// soon is how long before its end a certificate is worth a word: ACME renews with a third of 90 days to go.
const soon = 14 * 24 * time.Hour

// certificates looks at how HTTP, and with it TURN over TLS, is encrypted.
func (e *examiner) certificates(context.Context) []Finding {
	switch {
	case e.plan.Certificate != "":
		return e.files509()
	case len(e.plan.Domains) > 0:
		return e.acme()
	}
	f := Finding{Check: "tls", Level: OK}
	u, err := url.Parse(e.plan.PublicURL)
	switch {
	case err != nil:
		f.Level, f.Found = Fail, fmt.Sprintf("public_url can't be read: %v", err)
		f.Meaning, f.Change = "Clients are told nothing they could use.", "--public-url https://name"
	case u.Scheme == "https":
		f.Found = "HTTP is not encrypted here; public_url is https, so a proxy does it"
	case isThisMachine(u.Hostname()):
		f.Found = "HTTP is not encrypted, and only this machine is told of it"
	default:
		f.Level, f.Found = Warn, "HTTP is not encrypted"
		f.Meaning = "Browsers give camera and microphone to pages over https only, and tokens and signatures cross the network in the clear."
		f.Change = "--tls-domain with a name of this machine, or --tls-cert and --tls-key, or a proxy with TLS in front and --public-url https://name."
	}
	return one(f)
}

func isThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func (e *examiner) files509() []Finding {
	f := Finding{Check: "tls", Level: Fail, Meaning: "The server will not start."}
	certificate, err := e.m.ReadFile(e.plan.Certificate)
	var key []byte
	if err == nil {
		key, err = e.m.ReadFile(e.plan.Key)
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.X509KeyPair(certificate, key)
	}
	if err != nil {
		f.Found = fmt.Sprintf("the certificate can't be used: %v", err)
		f.Change = "--tls-cert must name a PEM file with the certificate and its chain, --tls-key its private key; the server's user must be able to read both."
		return one(f)
	}
	leaf := pair.Leaf
	if leaf == nil {
		leaf, err = x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			f.Found = fmt.Sprintf("the certificate can't be read: %v", err)
			return one(f)
		}
	}
	return one(e.leaf(leaf))
}

// leaf looks at a certificate that can be used.
func (e *examiner) leaf(c *x509.Certificate) Finding {
	now := e.m.Now()
	f := Finding{Check: "tls", Level: OK, Found: "the certificate holds until " + c.NotAfter.UTC().Format(time.DateOnly)}
	renew := "Renew " + e.plan.Certificate + "; the server reads it again by itself."
	switch {
	case now.After(c.NotAfter):
		f.Level, f.Found = Fail, "the certificate ended on "+c.NotAfter.UTC().Format(time.DateOnly)
		f.Meaning, f.Change = "Browsers and SDKs refuse to connect.", renew
		return f
	case now.Before(c.NotBefore):
		f.Level, f.Found = Fail, "the certificate begins on "+c.NotBefore.UTC().Format(time.DateTime)
		f.Meaning, f.Change = "Browsers and SDKs refuse to connect until then.", "Check this machine's clock (timedatectl)."
		return f
	}
	for _, name := range e.plan.Names {
		if c.VerifyHostname(name) != nil {
			f.Level, f.Found = Fail, fmt.Sprintf("the certificate is not for %s, but for %s", name, names(c))
			f.Meaning = "Clients that are told this name refuse to connect."
			f.Change = "Get a certificate that has the name, or correct --public-url and --turn-host."
			return f
		}
	}
	if left := c.NotAfter.Sub(now); left < soon {
		f.Level, f.Found = Warn, fmt.Sprintf("the certificate ends in %d days", int(left.Hours()/24))
		f.Meaning, f.Change = "After that browsers and SDKs refuse to connect.", renew
	}
	return f
}

func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

// acme looks at whether certificates can be got, and are for the names that clients are told.
func (e *examiner) acme() []Finding {
	f := Finding{Check: "tls", Level: OK, Found: "certificates for " + strings.Join(e.plan.Domains, ", ") + " are got by ACME"}
	challenge := false
	for _, l := range e.plan.Listeners {
		challenge = challenge || l.Setting == "http" && portOf(l.Address) == "443" || l.Setting == "http_redirect" && portOf(l.Address) == "80"
	}
	for _, name := range e.plan.Names {
		if !covers(e.plan.Domains, name) {
			f.Level, f.Found = Fail, name+" is told to clients, and no certificate is got for it"
			f.Meaning, f.Change = "Clients refuse to connect.", "Add it to --tls-domain, or correct --public-url and --turn-host."
			return one(f)
		}
	}
	if !challenge {
		f.Level, f.Meaning = Warn, "The ACME server asks at port 443, or at port 80; nothing of ours listens there."
		f.Change = "--http 0.0.0.0:443, or --http-redirect 0.0.0.0:80, or have a router pass one of these ports on."
	}
	return one(f)
}

func covers(domains []string, name string) bool {
	for _, d := range domains {
		if strings.EqualFold(d, name) {
			return true
		}
	}
	return false
}
