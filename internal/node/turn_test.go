package node

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/internal/sigv4"
)

// relayedPeer is a WebRTC peer that has no way to the server but a relay.
type relayedPeer struct {
	t      *testing.T
	http   *http.Client
	token  string
	pc     *webrtc.PeerConnection
	link   []string
	remote string // the session's URL
}

var linkHeader = regexp.MustCompile(`^<(turns?:[^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"; credential-type="password"$`)

// newRelayedPeer makes a peer of a token. pick says which of the relays it may use, and by which address.
func newRelayedPeer(t *testing.T, c *http.Client, endpoint, token string, pick func(url string) (string, bool)) *relayedPeer {
	t.Helper()
	p := &relayedPeer{t: t, http: c, token: token}
	status, head, _ := p.do(http.MethodOptions, endpoint, "")
	if status != http.StatusNoContent {
		t.Fatalf("OPTIONS gives %d", status)
	}
	p.link = head.Values("Link")
	var servers []webrtc.ICEServer
	for _, line := range p.link {
		m := linkHeader.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("Link: %s", line)
		}
		if url, ok := pick(m[1]); ok {
			servers = append(servers, webrtc.ICEServer{URLs: []string{url}, Username: m[2], Credential: m[3]})
		}
	}
	if len(servers) != 1 {
		t.Fatalf("of %q fit %d", p.link, len(servers))
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.Equal(net.IPv4(127, 0, 0, 1)) })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4})
	var err error
	p.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{
		ICEServers: servers, ICETransportPolicy: webrtc.ICETransportPolicyRelay,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.pc.GracefulClose() })
	return p
}

func (p *relayedPeer) do(method, url, body string) (int, http.Header, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/sdp")
	answer, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// post makes the exchange and waits for the connection.
func (p *relayedPeer) post(url string) {
	p.t.Helper()
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		p.t.Fatal(err)
	}
	<-gathered
	sdp := p.pc.LocalDescription().SDP
	if !strings.Contains(sdp, "typ relay") || strings.Contains(sdp, "typ host") {
		p.t.Fatalf("the offer is not of a relay:\n%s", sdp)
	}
	status, head, answer := p.do(http.MethodPost, url, sdp)
	if status != http.StatusCreated {
		p.t.Fatalf("POST gives %d %s", status, answer)
	}
	if got := head.Values("Link"); len(got) != len(p.link) {
		p.t.Errorf("the answer has %d links, want %d", len(got), len(p.link))
	}
	p.remote = head.Get("Location")
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		p.t.Fatal(err)
	}
	until(p.t, "the peer is connected through the relay", func() bool {
		return p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
	})
}

// until waits for a condition that something outside brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// unwrap listens for TCP and speaks TLS to the server, as pion's client can't be told whom to trust.
func unwrap(t *testing.T, to string, config *tls.Config) (at string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			inner, err := l.Accept()
			if err != nil {
				return
			}
			outer, err := tls.Dial("tcp", to, config)
			if err != nil {
				t.Errorf("TLS to TURN: %v", err)
				_ = inner.Close()
				continue
			}
			copyUntilEnd := func(a, b net.Conn) {
				_, _ = io.Copy(a, b)
				_ = a.Close()
				_ = b.Close()
			}
			running.Go(func() { copyUntilEnd(inner, outer) })
			running.Go(func() { copyUntilEnd(outer, inner) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return l.Addr().String()
}

// callBy is call with a client of one's own.
func callBy(t *testing.T, n *Node, c *http.Client, operation, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.PublicURL()+"/"+operation, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	keys := n.Credentials()
	sigv4.Signer{
		Key:    sigv4.OneKey{AccessKeyID: keys.AccessKeyID, SecretKey: string(keys.SecretAccessKey)},
		Region: n.config.Region, Service: "ivs",
	}.Sign(r, []byte(body), time.Now())
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// participantToken makes a token for the stage.
func participantToken(t *testing.T, n *Node, c *http.Client, stage string) (token, id string) {
	t.Helper()
	var made struct {
		ParticipantToken struct{ Token, ParticipantID string }
	}
	status, body := callBy(t, n, c, "CreateParticipantToken", `{"stageArn":"`+stage+`"}`)
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return made.ParticipantToken.Token, made.ParticipantToken.ParticipantID
}

// Clients that can reach nothing but TURN publish and view: over UDP, over TCP, over TLS.
func TestTURN_CarriesPublishersAndViewers(t *testing.T) {
	for _, way := range []string{"udp", "tcp", "tls"} {
		t.Run(way, func(t *testing.T) {
			var n *Node
			c := http.DefaultClient
			pick := func(url string) (string, bool) {
				return url, strings.HasSuffix(url, "?transport="+way) && url[:5] == "turn:"
			}
			if way == "tls" {
				a := newAuthority(t)
				n, _, _ = encryptedNode(t, a, "--turn-listen-tls", "127.0.0.1:0")
				c = a.client(t, false)
				at := unwrap(t, n.media.turn.AddrTLS().String(), &tls.Config{RootCAs: a.pool, ServerName: "127.0.0.1"})
				pick = func(url string) (string, bool) {
					return "turn:" + at + "?transport=tcp", strings.HasPrefix(url, "turns:127.0.0.1:")
				}
			} else {
				n = open(t, settings(t, "--turn-listen", "127.0.0.1:0"))
				run(t, n)
			}
			carries(t, n, c, pick)
		})
	}
}

func carries(t *testing.T, n *Node, c *http.Client, pick func(string) (string, bool)) {
	t.Helper()
	var made struct{ Stage struct{ Arn string } }
	status, body := callBy(t, n, c, "CreateStage", `{}`)
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	stage := made.Stage.Arn
	whip := n.PublicURL() + "/whip"
	token, ada := participantToken(t, n, c, stage)
	publisher := newRelayedPeer(t, c, whip, token, pick)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}, "video", "stream")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publisher.pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	publisher.post(whip)

	token, _ = participantToken(t, n, c, stage)
	viewer := newRelayedPeer(t, c, whip, token, pick)
	if _, err := viewer.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	seen := make(chan []byte, 100)
	viewer.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case seen <- packet.Payload:
			default:
			}
		}
	})
	viewer.post(whip + "/subscribe/" + ada)

	want := []byte{0x65, 'r', 'e', 'l', 'a', 'y'}
	seq := uint16(0)
	until(t, "a packet goes from relay to relay", func() bool {
		seq++
		_ = track.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 3000, Marker: true},
			Payload: want,
		})
		select {
		case got := <-seen:
			return bytes.Equal(got, want)
		default:
			return false
		}
	})
	counters := n.media.turn.Counters()
	if counters.Allocations.Load() < 2 || counters.BytesIn.Load() == 0 || counters.BytesOut.Load() == 0 {
		t.Errorf("%d allocations, %d bytes in, %d out", counters.Allocations.Load(), counters.BytesIn.Load(), counters.BytesOut.Load())
	}
	// Row 24: who is thrown out loses the relay too.
	if status, body := callBy(t, n, c, "DisconnectParticipant", `{"stageArn":"`+stage+`","participantId":"`+ada+`"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	until(t, "nothing is relayed for either any more", func() bool { return counters.Allocations.Load() == 0 })
}

// Nobody is told of a relay that is not there, or without a token.
func TestTURN_IsToldToThoseWithAToken(t *testing.T) {
	quiet := open(t, settings(t))
	run(t, quiet)
	n := open(t, settings(t, "--turn-listen", "127.0.0.1:0", "--turn-urls", "turns:relay.example.org:443?transport=tcp"))
	run(t, n)
	for _, tc := range []struct {
		n     *Node
		token bool
		want  int
	}{{quiet, true, 0}, {n, false, 0}, {n, true, 1}} {
		p := &relayedPeer{t: t, http: http.DefaultClient}
		if tc.token {
			p.token, _ = participantToken(t, tc.n, http.DefaultClient, newStage(t, tc.n))
		}
		status, head, _ := p.do(http.MethodOptions, tc.n.PublicURL()+"/whip", "")
		if got := head.Values("Link"); status != http.StatusNoContent || len(got) != tc.want {
			t.Errorf("OPTIONS gives %d with the links %q, want %d", status, got, tc.want)
		}
	}
}
