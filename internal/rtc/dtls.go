package rtc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

const (
	// wireQueue is how many records may wait for the association's goroutine: a client's largest flight has
	// about five datagrams, and it may repeat it.
	wireQueue = 16
	// handshakeBytes bounds what a handshake may bring, and with it pion's reassembly buffers. A client's
	// flights with a certificate chain have less than 8 KiB; lost ones are repeated.
	handshakeBytes = 64 << 10
	// recordsPerSecond bounds the records of a connected peer: there is no data channel, so an alert or a
	// repeated flight is all that may honestly come.
	recordsPerSecond = 20
	// flightInterval is the first wait before a flight is repeated; it doubles.
	flightInterval = 400 * time.Millisecond
	// dtlsMTU keeps handshake datagrams below what tunnels leave of 1500 bytes.
	dtlsMTU = 1200
)

// certificate is the transport's own, made at each start: WebRTC binds it by fingerprint, not by name.
type certificate struct {
	tls         tls.Certificate
	fingerprint sdp.Fingerprint
}

func newCertificate() (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "proscenium"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return &certificate{
		tls:         tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		fingerprint: sdp.Fingerprint{Algorithm: "sha-256", Value: hashOf("sha-256", der)},
	}, nil
}

// hashOf writes a certificate's hash as a fingerprint does (RFC 8122 section 5).
func hashOf(algorithm string, der []byte) string {
	var sum []byte
	switch algorithm {
	case "sha-256":
		s := sha256.Sum256(der)
		sum = s[:]
	case "sha-384":
		s := sha512.Sum384(der)
		sum = s[:]
	case "sha-512":
		s := sha512.Sum512(der)
		sum = s[:]
	}
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return strings.Join(pairs, ":")
}

// errFingerprint says that the client's certificate is not the one its offer announced.
var errFingerprint = errors.New("certificate does not match the offer's fingerprint")

// verify checks the client's certificate against the offer. All chains hold one certificate at least: the
// handshake demands one.
func (p *Peer) verify(chain [][]byte, _ [][]*x509.Certificate) error {
	if len(chain) == 0 {
		return errFingerprint
	}
	for _, f := range p.prints {
		if subtle.ConstantTimeCompare([]byte(hashOf(f.Algorithm, chain[0])), []byte(f.Value)) == 1 {
			return nil
		}
	}
	return errFingerprint
}

// wire carries the records of a peer's DTLS associations: what the demultiplexer puts in, and the selected path
// out. There is one association at a time; while it rests (rest.go) there is none.
type wire struct {
	p *Peer

	mu      sync.Mutex
	started bool
	since   media.Time
	ended   bool
	queue   [][]byte
	taken   int // bytes since the beginning
	records int // in the second, once connected
	second  int64
	heard   media.Time // when the last record came
	ready   *sync.Cond
	line    *line       // of the association that there is, nil before the first and while it rests
	conn    *dtls.Conn  // once connected, nil while it rests
	resting *dtls.State // what is left of it while it rests
}

func (w *wire) init(p *Peer) {
	w.p = p
	w.ready = sync.NewCond(&w.mu)
}

// dtlsIn takes a record of an address that has consent; the first one starts the handshake, and one that comes
// while the association rests wakes it.
func (p *Peer) dtlsIn(data []byte, _ packetio.Path, now media.Time) {
	w := &p.wire
	if !plausible(data, p.State() != New) {
		p.t.counters.DTLSDropped.Add(1)
		return
	}
	w.mu.Lock()
	ok := !w.ended && len(w.queue) < wireQueue && w.allows(len(data), now)
	run := p.shakeHands
	start := ok && !w.started
	if w.resting != nil {
		ok = ok && sealedRecord(data)
		run, start = p.wake, ok
	}
	var state *dtls.State
	if ok {
		w.started = true
		if state, w.resting = w.resting, nil; start && state == nil {
			w.since = now
		}
		w.heard = now
		w.taken += len(data)
		w.queue = append(w.queue, append([]byte(nil), data...))
		w.ready.Broadcast()
	}
	w.mu.Unlock()
	if !ok {
		p.t.counters.DTLSDropped.Add(1)
	}
	if start && !p.t.start(func() { run(state) }) {
		p.end(Closed)
	}
}

// allows applies the budgets; the caller holds mu.
func (w *wire) allows(n int, now media.Time) bool {
	if w.p.State() == New {
		return w.taken+n <= handshakeBytes
	}
	if s := second(now); w.second != s {
		w.second, w.records = s, 0
	}
	w.records++
	return w.records <= recordsPerSecond
}

// open gives an association the wire.
func (w *wire) open(deaf bool) *line {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line = &line{w: w, deaf: deaf}
	return w.line
}

// keep leaves the association to end; it reports false if the end has come already.
func (w *wire) keep(conn *dtls.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
	return !w.ended
}

// end says goodbye, if there is an association, and wakes whoever reads.
func (w *wire) end() {
	w.mu.Lock()
	w.ended = true
	conn, state := w.conn, w.resting
	w.conn, w.resting = nil, nil
	if w.line != nil && w.line.timer != nil {
		w.line.timer.Stop()
	}
	w.ready.Broadcast()
	w.mu.Unlock()
	if state != nil {
		conn = w.p.restoreForGoodbye(state)
	}
	if conn != nil {
		_ = conn.Close() // sends close_notify
	}
}

// line is the wire as one association sees it.
type line struct {
	w *wire

	// Guarded by w.mu.
	closed   bool // nothing goes in or out any more
	deaf     bool // nothing goes in: there is but a goodbye to say
	deadline time.Time
	timer    *time.Timer
}

// ReadFrom waits for a record.
func (l *line) ReadFrom(b []byte) (int, net.Addr, error) {
	w := l.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for l.closed || l.deaf || len(w.queue) == 0 {
		switch {
		case l.closed, w.ended && !l.deaf:
			return 0, nil, io.EOF
		case !l.deadline.IsZero() && !time.Now().Before(l.deadline):
			return 0, nil, os.ErrDeadlineExceeded
		}
		w.ready.Wait()
	}
	data := w.queue[0]
	if w.queue = w.queue[1:]; len(w.queue) == 0 {
		w.queue = nil
	}
	return copy(b, data), wireAddr{}, nil
}

// WriteTo sends a record over the selected path, wherever that leads at the moment.
func (l *line) WriteTo(b []byte, _ net.Addr) (int, error) {
	w := l.w
	w.mu.Lock()
	closed := l.closed
	w.mu.Unlock()
	if path := w.p.ice.selected.Load(); path != nil && !closed && len(b) <= packetio.MaxDatagram {
		w.p.t.port.Send(*path, b)
	}
	return len(b), nil
}

// Close is called by the association when it is over.
func (l *line) Close() error {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.close()
	return nil
}

// close is Close for a caller that holds w.mu.
func (l *line) close() {
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.w.ready.Broadcast()
}

// SetReadDeadline wakes readers at the time.
func (l *line) SetReadDeadline(t time.Time) error {
	w := l.w
	w.mu.Lock()
	defer w.mu.Unlock()
	l.deadline = t
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if wait := time.Until(t); !t.IsZero() && wait > 0 && !l.closed {
		l.timer = time.AfterFunc(wait, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ready.Broadcast()
		})
	}
	w.ready.Broadcast()
	return nil
}

// SetDeadline sets the read deadline: writes do not wait.
func (l *line) SetDeadline(t time.Time) error { return l.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes do not wait.
func (*line) SetWriteDeadline(time.Time) error { return nil }

// LocalAddr names no address: the association need not know.
func (*line) LocalAddr() net.Addr { return wireAddr{} }

type wireAddr struct{}

func (wireAddr) Network() string { return "udp" }
func (wireAddr) String() string  { return "ice" }

// handshaking returns since when a handshake has been running that is not over.
func (w *wire) handshaking() (media.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.since, w.started
}

// association says how the server speaks DTLS.
func (p *Peer) association() []dtls.ServerOption {
	return []dtls.ServerOption{
		dtls.WithCertificates(p.t.certificate.tls),
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithVerifyPeerCertificate(p.verify),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerifyHello(true), // the address has passed an integrity check: a cookie proves less
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithMTU(dtlsMTU),
		dtls.WithLoggerFactory(silent{}),
	}
}

// shakeHands runs the association: the handshake, and then nothing but the wait for its end.
func (p *Peer) shakeHands(*dtls.State) {
	ctx, cancel := context.WithTimeout(context.Background(), p.t.options.HandshakeTimeout)
	defer cancel()
	line := p.wire.open(false)
	conn, err := dtls.ServerWithOptions(line, wireAddr{}, p.association()...)
	if err == nil {
		err = conn.HandshakeContext(ctx)
	}
	if err != nil {
		p.refused(err)
		return
	}
	cancel()
	if err := p.takeKeys(conn); err != nil {
		_ = conn.Close()
		p.refused(err)
		return
	}
	for _, r := range p.remotes {
		if p.options.OnTrack != nil {
			p.setReceiver(r, p.options.OnTrack(r))
		}
	}
	p.connected()
	p.watch(conn, line)
}

func (p *Peer) refused(err error) {
	if p.State() == New {
		p.t.counters.DTLSRefused.Add(1)
		p.t.options.Log.Debug("dtls handshake went wrong", "peer_id", p.options.ID, "error", err)
	}
	p.end(Failed)
}

// watch waits for the far end's goodbye, or for ours: end closes the association. It returns, too, when the
// association goes to rest.
func (p *Peer) watch(conn *dtls.Conn, l *line) {
	if !p.wire.keep(conn) {
		_ = conn.Close()
		return
	}
	buf := make([]byte, 1) // nobody wants the data
	for {
		_, err := conn.Read(buf)
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || p.State() > Connected {
			break
		}
		p.t.counters.AppData.Add(1)
	}
	if !p.wire.left(l) {
		p.end(Closed)
	}
}

// silent is a logger factory for pion: its troubles are counted here, not printed there.
type silent struct{}

func (silent) NewLogger(string) logging.LeveledLogger {
	return &logging.DefaultLeveledLogger{}
}
