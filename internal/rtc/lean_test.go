package rtc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

// lean is a client that does exactly what a test tells it, byte by byte.
type lean struct {
	t           testing.TB
	conn        *net.UDPConn
	server      *net.UDPAddr
	certificate *certificate
	ice         sdp.Credentials // ours
	remote      sdp.Credentials // the server's
	peer        *Peer
	states      states
	association *dtls.Conn
	in, out     *srtp.Context
	session     srtp.SessionKeys
	codecs      string
	priority    []byte // of the checks
	profiles    []dtls.SRTPProtectionProfile
}

const leanCodecs = `m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:v
a=%[1]s
a=rtcp-mux
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=42e01f
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:2 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:a
a=%[1]s
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level
`

func newLean(t testing.TB) *lean {
	t.Helper()
	cert, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	c := &lean{
		t: t, certificate: cert, states: make(states, 10),
		ice:      sdp.Credentials{Ufrag: randomText(6), Pwd: randomText(24)},
		codecs:   leanCodecs,
		priority: []byte{0x7e, 0, 0, 1},
		profiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM},
	}
	c.conn = c.dial()
	return c
}

func (c *lean) dial() *net.UDPConn {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (c *lean) offer(direction string) string {
	return strings.ReplaceAll(fmt.Sprintf(`v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE v a
a=ice-ufrag:%s
a=ice-pwd:%s
a=fingerprint:sha-256 %s
a=setup:actpass
`, c.ice.Ufrag, c.ice.Pwd, c.certificate.fingerprint.Value)+fmt.Sprintf(c.codecs, direction), "\n", "\r\n")
}

// join has the transport make a peer of the client, a publisher if it has a room.
func (c *lean) join(tr *Transport, r *room, direction string, change ...func(*PeerOptions)) {
	c.t.Helper()
	o, err := sdp.ParseOffer([]byte(c.offer(direction)))
	if err != nil {
		c.t.Fatal(err)
	}
	options := PeerOptions{ID: "lean", OnState: func(s State) { c.states <- s }}
	if r != nil {
		options.OnTrack = r.onTrack
	}
	for _, f := range change {
		f(&options)
	}
	var answer []byte
	if direction == "sendonly" {
		c.peer, answer, err = tr.Publish(o, options)
	} else {
		c.peer, answer, err = tr.Subscribe(o, bothTracks, options)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	f, err := sdp.ParseFragment(answer)
	if err != nil {
		c.t.Fatal(err)
	}
	c.remote = f.ICE
	c.server = net.UDPAddrFromAddrPort(tr.Addrs()[0])
}

// request makes a valid check, unless the changes make it another.
func (c *lean) request(nominate bool, extra ...stun.Setter) []byte {
	c.t.Helper()
	setters := []stun.Setter{
		stun.BindingRequest, stun.TransactionID, stun.NewUsername(c.remote.Ufrag + ":" + c.ice.Ufrag),
		raw{stun.AttrPriority, c.priority},
		raw{stun.AttrICEControlling, make([]byte, 8)},
	}
	if nominate {
		setters = append(setters, raw{stun.AttrUseCandidate, nil})
	}
	setters = append(setters, extra...)
	m, err := stun.Build(append(setters, stun.NewShortTermIntegrity(c.remote.Pwd), stun.Fingerprint)...)
	if err != nil {
		c.t.Fatal(err)
	}
	return m.Raw
}

// raw is an attribute as it is.
type raw struct {
	kind  stun.AttrType
	value []byte
}

func (r raw) AddTo(m *stun.Message) error { m.Add(r.kind, r.value); return nil }

func (c *lean) send(data []byte) {
	c.t.Helper()
	if _, err := c.conn.WriteToUDP(data, c.server); err != nil {
		c.t.Fatal(err)
	}
}

func (c *lean) read(wait time.Duration) ([]byte, bool) {
	buf := make([]byte, 2048)
	_ = c.conn.SetReadDeadline(time.Now().Add(wait))
	n, _, err := c.conn.ReadFromUDP(buf)
	return buf[:n], err == nil
}

// check sends a valid check and waits for its answer.
func (c *lean) check(nominate bool) *stun.Message {
	c.t.Helper()
	request := c.request(nominate)
	c.send(request)
	for {
		data, ok := c.read(patience)
		if !ok {
			c.t.Fatal("no answer to a valid check")
		}
		if !stun.IsMessage(data) {
			continue
		}
		if len(data) > len(request) {
			c.t.Fatalf("an answer of %d bytes to a request of %d", len(data), len(request))
		}
		m := &stun.Message{Raw: data}
		if err := m.Decode(); err != nil {
			c.t.Fatal(err)
		}
		return m
	}
}

// leanConn is what the association reads from: the client's socket, DTLS only.
type leanConn struct {
	*net.UDPConn
	server *net.UDPAddr
}

func (c leanConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, _, err := c.UDPConn.ReadFromUDP(b)
		if err != nil || n > 0 && b[0] >= 20 && b[0] <= 63 {
			return n, c.server, err
		}
	}
}

// Close leaves the socket to the test.
func (c leanConn) Close() error { return nil }

// shake runs the handshake.
func (c *lean) shake(extra ...dtls.ClientOption) error {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Time{})
	conn, err := dtls.ClientWithOptions(leanConn{c.conn, c.server}, c.server, append([]dtls.ClientOption{
		dtls.WithCertificates(c.certificate.tls), dtls.WithInsecureSkipVerify(true),
		dtls.WithSRTPProtectionProfiles(c.profiles...), dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithLoggerFactory(silent{}),
	}, extra...)...)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return err
	}
	c.association = conn
	state, _ := conn.ConnectionState()
	config := srtp.Config{Profile: srtp.ProtectionProfileAeadAes128Gcm}
	if p, _ := conn.SelectedSRTPProtectionProfile(); p == dtls.SRTP_AES128_CM_HMAC_SHA1_80 {
		config.Profile = srtp.ProtectionProfileAes128CmHmacSha1_80
	}
	if err := config.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		c.t.Fatal(err)
	}
	k := config.Keys
	c.session = k
	if c.out, err = srtp.CreateContext(k.LocalMasterKey, k.LocalMasterSalt, config.Profile); err != nil {
		c.t.Fatal(err)
	}
	if c.in, err = srtp.CreateContext(k.RemoteMasterKey, k.RemoteMasterSalt, config.Profile,
		srtp.SRTPReplayProtection(64), srtp.SRTCPReplayProtection(64)); err != nil {
		c.t.Fatal(err)
	}
	return nil
}

// connect does all of it and keeps no association: nothing but media is read from the socket after it.
func (c *lean) connect(tr *Transport, r *room, direction string) {
	c.t.Helper()
	c.join(tr, r, direction)
	c.check(true)
	if err := c.shake(); err != nil {
		c.t.Fatal(err)
	}
	c.states.want(c.t, Connected)
	c.drop()
}

// drop ends the association on this side without a word to the other.
func (c *lean) drop() {
	_ = c.conn.SetReadDeadline(time.Now())
	mute := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}
	server := *c.server
	*c.server = *mute // the goodbye goes to the discard port
	_ = c.association.Close()
	*c.server = server
	_ = c.conn.SetReadDeadline(time.Time{})
	c.association = nil
}

func (c *lean) path(tr *Transport) packetio.Path {
	if p := c.peer.ice.selected.Load(); p != nil {
		return *p
	}
	return packetio.Path{}
}

func (c *lean) local() netip.AddrPort { return c.conn.LocalAddr().(*net.UDPAddr).AddrPort() }
