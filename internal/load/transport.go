package load

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
)

const (
	checkEvery   = 50 * time.Millisecond // between first checks; RFC 8445 section 14.2 says Ta = 50 ms
	consentEvery = 5 * time.Second       // RFC 7675 section 5.1
	maxEarly     = 256                   // media packets kept that come before our end of the handshake is done
	datagramSize = 2048
)

// identity is the DTLS certificate of all participants: making one for each would measure key making.
type identity struct {
	cert        tls.Certificate
	fingerprint string
}

func newIdentity() (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return &identity{
		cert:        tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		fingerprint: fingerprintOf(der),
	}, nil
}

func fingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return strings.Join(parts, ":")
}

// handler takes what comes in, from the one goroutine that reads. The header and the bytes are valid during the call.
type handler interface {
	takeRTP(at time.Time, h *rtp.Header, payload []byte, size int)
	takeRTCP(at time.Time, packet []byte)
}

// transport is the lean end of a media connection: a full ICE agent with one candidate pair, a DTLS client, SRTP.
type transport struct {
	id         *identity
	ufrag, pwd string
	remote     answer
	handler    handler

	conn  *net.UDPConn
	dtls  *dtls.Conn
	pipe  *dtlsConn
	stun  chan *stun.Message
	ready chan struct{} // closed when rx and tx are set
	ended chan struct{} // closed when the reader has returned
	rx    *srtp.Context // the reader's

	txMu sync.Mutex // guards what follows
	tx   *srtp.Context
	out  []byte

	badTag    atomic.Uint64 // datagrams whose authentication failed
	closeOnce sync.Once
	closing   chan struct{}
	consent   sync.WaitGroup
}

func newTransport(id *identity, h handler) *transport {
	return &transport{
		id: id, ufrag: randomText(8), pwd: randomText(24), handler: h,
		stun: make(chan *stun.Message, 8), ready: make(chan struct{}), ended: make(chan struct{}),
		closing: make(chan struct{}),
	}
}

func randomText(n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)[:n]
}

func (t *transport) offer(send bool, flows []flow) string {
	return offerSDP(t.ufrag, t.pwd, t.id.fingerprint, send, flows)
}

// connect reaches the far end that the answer describes and returns when media can flow.
func (t *transport) connect(ctx context.Context, a answer) error {
	t.remote = a
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(a.candidate))
	if err != nil {
		close(t.ended)
		return fmt.Errorf("open socket: %w", err)
	}
	t.conn, t.pipe = conn, newDTLSConn(conn)
	_ = conn.SetReadBuffer(1 << 20) // as browsers do; the kernel may give less
	go t.read()
	if err := t.check(ctx); err != nil {
		return fmt.Errorf("ICE: %w", err)
	}
	if err := t.handshake(ctx); err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}
	t.consent.Add(1)
	go t.keepConsent()
	return nil
}

// check sends binding requests until one is answered (RFC 8445 section 7.2).
func (t *transport) check(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		if err := t.sendCheck(); err != nil && !errors.Is(err, net.ErrClosed) {
			// The port may refuse while the server opens it.
			_ = err
		}
		select {
		case m := <-t.stun:
			if m.Type == stun.BindingSuccess {
				return nil
			}
			return fmt.Errorf("check refused: %s", m.Type)
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *transport) sendCheck() error {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(t.remote.ufrag+":"+t.ufrag),
		stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{0x6e, 0x7f, 0x00, 0xff}},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: []byte("lean-ice")},
		stun.RawAttribute{Type: stun.AttrUseCandidate},
		stun.NewShortTermIntegrity(t.remote.pwd), stun.Fingerprint)
	if err != nil {
		return fmt.Errorf("build check: %w", err)
	}
	_, err = t.conn.Write(m.Raw)
	return err
}

func (t *transport) keepConsent() {
	defer t.consent.Done()
	tick := time.NewTicker(consentEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.closing:
			return
		case <-t.ended:
			return
		case <-tick.C:
			_ = t.sendCheck() // the server gives up on us if many are lost
		}
	}
}

func (t *transport) handshake(ctx context.Context) error {
	c, err := dtls.ClientWithOptions(t.pipe, t.conn.RemoteAddr(),
		dtls.WithCertificates(t.id.cert),
		dtls.WithInsecureSkipVerify(true), // the fingerprint is what counts (RFC 8122)
		dtls.WithVerifyPeerCertificate(t.verify),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret))
	if err != nil {
		return err
	}
	t.dtls = c
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	if p, ok := c.SelectedSRTPProtectionProfile(); !ok || p != dtls.SRTP_AEAD_AES_128_GCM {
		return errors.New("server chose no AEAD_AES_128_GCM")
	}
	state, ok := c.ConnectionState()
	if !ok {
		return errors.New("no connection state")
	}
	keys := srtp.Config{Profile: srtp.ProtectionProfileAeadAes128Gcm}
	if err := keys.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		return fmt.Errorf("take SRTP keys: %w", err)
	}
	rx, err := srtp.CreateContext(keys.Keys.RemoteMasterKey, keys.Keys.RemoteMasterSalt, keys.Profile)
	if err != nil {
		return fmt.Errorf("set up SRTP: %w", err)
	}
	tx, err := srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile)
	if err != nil {
		return fmt.Errorf("set up SRTP: %w", err)
	}
	t.txMu.Lock()
	t.tx = tx
	t.txMu.Unlock()
	t.rx = rx
	close(t.ready)
	// The first packets of media may have overtaken us: have the reader look at them, and not only when more come.
	_ = t.conn.SetReadDeadline(time.Now())
	return nil
}

func (t *transport) verify(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 || fingerprintOf(raw[0]) != t.remote.fingerprint {
		return errors.New("certificate does not fit the answer's fingerprint")
	}
	return nil
}

// read tells datagrams apart by their first byte (RFC 7983) until the socket is closed.
func (t *transport) read() {
	defer close(t.ended)
	buf := make([]byte, datagramSize)
	plain := make([]byte, datagramSize)
	var h rtp.Header
	var early [][]byte
	isReady := false
	// catchUp reads what came before the keys, once they are there, and tells whether they are.
	catchUp := func() bool {
		if isReady {
			return true
		}
		select {
		case <-t.ready:
			isReady = true
			for at := time.Now(); len(early) > 0; early = early[1:] {
				t.takeMedia(at, early[0], plain, &h)
			}
		default:
		}
		return isReady
	}
	for {
		n, err := t.conn.Read(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if errors.Is(err, os.ErrDeadlineExceeded) { // the keys are there
				_ = t.conn.SetReadDeadline(time.Time{})
				catchUp()
			}
			continue // a refused datagram (ICMP) says nothing about the next
		}
		at := time.Now()
		d := buf[:n]
		switch {
		case n == 0:
		case d[0] < 4:
			t.takeSTUN(d)
		case d[0] >= 20 && d[0] < 64:
			t.pipe.took(d)
		case d[0] >= 128 && d[0] < 192:
			if !catchUp() {
				if len(early) < maxEarly {
					early = append(early, append([]byte(nil), d...))
				}
				continue
			}
			t.takeMedia(at, d, plain, &h)
		}
	}
}

func (t *transport) takeSTUN(d []byte) {
	m := &stun.Message{Raw: append([]byte(nil), d...)}
	if m.Decode() != nil || stun.NewShortTermIntegrity(t.remote.pwd).Check(m) != nil {
		return
	}
	select {
	case t.stun <- m:
	default:
	}
}

func (t *transport) takeMedia(at time.Time, d, buf []byte, h *rtp.Header) {
	if len(d) < 12 {
		return
	}
	// RFC 5761 section 4: RTCP has packet types 192 to 223.
	if d[1] >= 192 && d[1] <= 223 {
		plain, err := t.rx.DecryptRTCP(buf[:0], d, nil)
		if err != nil {
			t.badTag.Add(1)
			return
		}
		t.handler.takeRTCP(at, plain)
		return
	}
	n, err := h.Unmarshal(d)
	if err != nil {
		t.badTag.Add(1)
		return
	}
	plain, err := t.rx.DecryptRTP(buf[:0], d, h)
	if err != nil {
		t.badTag.Add(1)
		return
	}
	t.handler.takeRTP(at, h, plain[n:], len(d))
}

// sendRTP encrypts and sends. Calls from several goroutines are put in order.
func (t *transport) sendRTP(h *rtp.Header, plain []byte) error {
	t.txMu.Lock()
	defer t.txMu.Unlock()
	if t.tx == nil {
		return net.ErrClosed
	}
	out, err := t.tx.EncryptRTP(t.out[:0], plain, h)
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	t.out = out
	_, err = t.conn.Write(out)
	return err
}

func (t *transport) sendRTCP(plain []byte) error {
	t.txMu.Lock()
	defer t.txMu.Unlock()
	if t.tx == nil {
		return net.ErrClosed
	}
	out, err := t.tx.EncryptRTCP(t.out[:0], plain, nil)
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	t.out = out
	_, err = t.conn.Write(out)
	return err
}

// vanish ends the transport without a word to the far end, as a machine that is switched off does.
func (t *transport) vanish() {
	if t.conn != nil {
		_ = t.conn.Close() // what close would say goes nowhere
	}
	t.close()
}

// close says good-bye and waits until the transport's goroutines have ended.
func (t *transport) close() {
	t.closeOnce.Do(func() {
		close(t.closing)
		if t.conn == nil {
			return
		}
		if t.dtls != nil {
			_ = t.dtls.Close()
		}
		_ = t.pipe.Close()
		_ = t.conn.Close()
		<-t.ended
		t.consent.Wait()
	})
}
