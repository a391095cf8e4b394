package signal

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/internal/live"
)

// peer is a real WebRTC peer with its media session on the server.
type peer struct {
	h        *house
	tok      string
	pc       *webrtc.PeerConnection
	location string
	etag     string
	resp     *http.Response

	// Of a publisher:
	video, audio *webrtc.TrackLocalStaticRTP
	keyFrames    chan struct{}
	seq          uint16

	// Of a viewer:
	videoIn, audioIn chan *rtp.Packet
}

func connection(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.Equal(net.IPv4(127, 0, 0, 1)) })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// publisher prepares a peer that sends H.264 and Opus.
func (h *house) publisher(tok string) *peer {
	h.t.Helper()
	p := &peer{h: h, tok: tok, pc: connection(h.t), keyFrames: make(chan struct{}, 100), seq: 1000}
	p.video = p.send(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}, "video")
	p.audio = p.send(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "audio")
	return p
}

func (p *peer) send(c webrtc.RTPCodecCapability, id string) *webrtc.TrackLocalStaticRTP {
	p.h.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(c, id, "stream")
	if err != nil {
		p.h.t.Fatal(err)
	}
	sender, err := p.pc.AddTrack(track)
	if err != nil {
		p.h.t.Fatal(err)
	}
	go func() {
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if _, ok := packet.(*rtcp.PictureLossIndication); ok {
					select {
					case p.keyFrames <- struct{}{}:
					default:
					}
				}
			}
		}
	}()
	return track
}

// viewer prepares a peer that receives both.
func (h *house) viewer(tok string) *peer {
	h.t.Helper()
	p := &peer{h: h, tok: tok, pc: connection(h.t), videoIn: make(chan *rtp.Packet, 1000), audioIn: make(chan *rtp.Packet, 1000)}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			h.t.Fatal(err)
		}
	}
	p.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		to := p.audioIn
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			to = p.videoIn
		}
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case to <- packet:
			default:
			}
		}
	})
	return p
}

// offer returns the complete offer of the peer.
func (p *peer) offer(o *webrtc.OfferOptions) string {
	p.h.t.Helper()
	offer, err := p.pc.CreateOffer(o)
	if err != nil {
		p.h.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		p.h.t.Fatal(err)
	}
	<-gathered
	return p.pc.LocalDescription().SDP
}

// post makes the exchange and returns the status and the code of a refusal.
func (p *peer) post(path string) (status int, refusal string) {
	p.h.t.Helper()
	resp, body := p.h.call(http.MethodPost, path, p.tok, typeSDP, p.offer(nil))
	p.resp = resp
	if resp.StatusCode != http.StatusCreated {
		return resp.StatusCode, code(p.h.t, resp, body)
	}
	p.location, p.etag = resp.Header.Get("Location"), resp.Header.Get("ETag")
	p.accept(body)
	return resp.StatusCode, ""
}

func (p *peer) accept(answer string) {
	p.h.t.Helper()
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		p.h.t.Fatalf("%v in\n%s", err, answer)
	}
}

func (p *peer) connected() *peer {
	p.h.t.Helper()
	until(p.h.t, "the peer to be connected", func() bool { return p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	return p
}

func (p *peer) over() {
	p.h.t.Helper()
	until(p.h.t, "the server to hang up", func() bool {
		return p.pc.ConnectionState() == webrtc.PeerConnectionStateClosed || p.pc.ConnectionState() == webrtc.PeerConnectionStateFailed
	})
}

// published is a publisher that is on stage.
func (h *house) published(id live.ParticipantID) *peer {
	h.t.Helper()
	p := h.publisher(h.token(id))
	if status, refusal := p.post("/whip"); status != http.StatusCreated {
		h.t.Fatalf("publishing gives %d %s", status, refusal)
	}
	return p.connected()
}

// viewing is a viewer of a publisher.
func (h *house) viewing(id, of live.ParticipantID) *peer {
	h.t.Helper()
	p := h.viewer(h.token(id))
	if status, refusal := p.post("/whip/subscribe/" + string(of)); status != http.StatusCreated {
		h.t.Fatalf("subscribing gives %d %s", status, refusal)
	}
	return p.connected()
}

// show sends key frames marked with a byte until the condition holds.
func (p *peer) show(mark byte, until chan struct{}) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		p.seq++
		h := rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: uint32(p.seq) * 3000, Marker: true}
		_ = p.video.WriteRTP(&rtp.Packet{Header: h, Payload: []byte{0x65, mark, byte(p.seq)}})
		_ = p.audio.WriteRTP(&rtp.Packet{Header: h, Payload: []byte{0xfc, mark, byte(p.seq)}})
		select {
		case <-until:
			return
		case <-tick.C:
		}
	}
}

// sees waits for a packet of each kind with the mark, while its publisher shows it.
func (p *peer) sees(from *peer, mark byte) {
	p.h.t.Helper()
	done := make(chan struct{})
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		from.show(mark, done)
	}()
	defer func() {
		close(done)
		<-shown
	}()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for kind, in := range map[string]chan *rtp.Packet{"video": p.videoIn, "audio": p.audioIn} {
		for seen := false; !seen; {
			select {
			case packet := <-in:
				seen = len(packet.Payload) >= 2 && packet.Payload[1] == mark
			case <-deadline.C:
				p.h.t.Fatalf("no %s with mark %q", kind, mark)
			}
		}
	}
}

func (p *peer) get() int {
	p.h.t.Helper()
	resp, _ := p.h.call(http.MethodGet, p.location, p.tok, "", "")
	return resp.StatusCode
}

func (h *house) factsOf(id live.ParticipantID) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, f := range h.facts {
		if f.Participant == id {
			names = append(names, string(f.Name))
		}
	}
	return strings.Join(names, " ")
}
