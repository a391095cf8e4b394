package rtc

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// serve runs a transport on loopback until the test ends.
func serve(t testing.TB, o Options) *Transport {
	t.Helper()
	if o.Listen == nil {
		o.Listen = []string{"127.0.0.1:0"}
	}
	tr, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := tr.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return tr
}

// room is the smallest of forwarders: every packet of a publisher's track goes to every viewer's sink of the
// kind, from one batch, and is kept for repeats.
type room struct {
	mu      sync.Mutex
	batch   *packetio.Batch
	sinks   map[*Local]media.Kind
	kept    map[media.Kind]map[uint16]media.Packet
	sources map[media.Kind]media.Source
	packets int
	repeats int
	reports int
	flushes int
	wishes  chan media.Kind
}

func newRoom(tr *Transport) *room {
	return &room{
		batch: tr.NewBatch(), sinks: map[*Local]media.Kind{},
		kept:    map[media.Kind]map[uint16]media.Packet{media.Audio: {}, media.Video: {}},
		sources: map[media.Kind]media.Source{}, wishes: make(chan media.Kind, 1000),
	}
}

func (r *room) onTrack(s media.Source) media.Receiver {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sources[s.Track().Kind] = s
	return &roomReceiver{r, s.Track().Kind, s.Track().Codec.RED}
}

func (r *room) add(p *Peer) {
	for _, kind := range []media.Kind{media.Audio, media.Video} {
		l := p.Sink(kind)
		if l == nil {
			continue
		}
		l.SetFeedback(&roomFeedback{r, l, kind})
		r.mu.Lock()
		r.sinks[l] = kind
		r.mu.Unlock()
	}
}

func (r *room) count(n *int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *n
}

type roomReceiver struct {
	room *room
	kind media.Kind
	red  uint8
}

func (r *roomReceiver) Receive(p *media.Packet) {
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	r.room.packets++
	if p.Repeat {
		r.room.repeats++
	}
	if len(p.Payload) == 0 {
		return
	}
	keep := *p
	keep.Payload = bytes.Clone(p.Payload)
	r.room.kept[r.kind][p.Seq] = keep
	for l, kind := range r.room.sinks {
		if kind == r.kind {
			l.Write(r.room.batch, media.Header{
				Seq: p.Seq, Timestamp: p.Timestamp, Marker: p.Marker, Level: p.Level, HasLevel: p.HasLevel, RED: r.red,
			}, p.Payload)
		}
	}
}

func (r *roomReceiver) ReceiveReport(report media.SenderReport) {
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	r.room.reports++
	for l, kind := range r.room.sinks {
		if kind == r.kind {
			l.WriteReport(report)
		}
	}
}

func (r *roomReceiver) Flush(media.Time) {
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	r.room.flushes++
	r.room.batch.Flush()
}

type roomFeedback struct {
	room *room
	l    *Local
	kind media.Kind
}

func (f *roomFeedback) Nack(seqs []uint16, _ media.Time) {
	f.room.mu.Lock()
	defer f.room.mu.Unlock()
	for _, seq := range seqs {
		if p, ok := f.room.kept[f.kind][seq]; ok {
			f.l.Write(f.room.batch, media.Header{Seq: p.Seq, Timestamp: p.Timestamp, Marker: p.Marker, Repeat: true}, p.Payload)
		}
	}
	f.room.batch.Flush()
}

func (f *roomFeedback) WantKeyFrame(media.Time) {
	f.room.wishes <- f.kind
	f.room.mu.Lock()
	s := f.room.sources[f.kind]
	f.room.mu.Unlock()
	if s != nil {
		s.RequestKeyFrame()
	}
}

func (f *roomFeedback) Report(media.Report, media.Time) {}

// loopback are settings of peers that use UDP on loopback.
func loopback(t testing.TB) webrtc.SettingEngine {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.Equal(net.IPv4(127, 0, 0, 1)) })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	return s
}

// api makes real WebRTC peers that work on loopback.
func api(t testing.TB, tcp bool, change ...func(*webrtc.SettingEngine)) *webrtc.API {
	t.Helper()
	s := loopback(t)
	if tcp {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	for _, f := range change {
		f(&s)
	}
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	reg := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(m, reg); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(m, reg); err != nil {
		t.Fatal(err)
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg))
}

func newConnection(t testing.TB, a *webrtc.API) *webrtc.PeerConnection {
	t.Helper()
	pc, err := a.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	return pc
}

// offer returns the complete offer of a connection.
func offer(t testing.TB, pc *webrtc.PeerConnection) *sdp.Offer {
	t.Helper()
	o, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	<-gathered
	parsed, err := sdp.ParseOffer([]byte(pc.LocalDescription().SDP))
	if err != nil {
		t.Fatalf("%v in\n%s", err, pc.LocalDescription().SDP)
	}
	return parsed
}

func accept(t testing.TB, pc *webrtc.PeerConnection, answer []byte) {
	t.Helper()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		t.Fatalf("%v in\n%s", err, answer)
	}
}

// established waits until the far end, too, can take media: we are connected a flight before it.
func established(t testing.TB, pc *webrtc.PeerConnection) {
	t.Helper()
	eventually(t, "the far end is connected", func() bool {
		return pc.ConnectionState() == webrtc.PeerConnectionStateConnected
	})
}

// states collects a peer's states.
type states chan State

func (s states) want(t testing.TB, want State) {
	t.Helper()
	select {
	case got := <-s:
		if got != want {
			t.Fatalf("peer is %v, want %v", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("peer is not %v after %v", want, patience)
	}
}

// publisher is a real WebRTC peer that sends video and audio.
type publisher struct {
	pc           *webrtc.PeerConnection
	peer         *Peer
	states       states
	video, audio *webrtc.TrackLocalStaticRTP
	keyFrames    chan struct{} // PLIs received
	feedback     chan *rtcp.TransportLayerCC
	reports      chan *rtcp.ReceiverReport
	seq          uint16
	timestamp    uint32
}

func publish(t testing.TB, tr *Transport, r *room, a *webrtc.API) *publisher {
	t.Helper()
	p := preparePublisher(t, a)
	var answer []byte
	var err error
	p.peer, answer, err = tr.Publish(offer(t, p.pc), PeerOptions{
		ID: "publisher", OnTrack: r.onTrack, OnState: func(s State) { p.states <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, p.pc, answer)
	return p
}

func preparePublisher(t testing.TB, a *webrtc.API) *publisher {
	t.Helper()
	p := &publisher{
		pc: newConnection(t, a), states: make(states, 10), seq: 1000,
		keyFrames: make(chan struct{}, 1000), feedback: make(chan *rtcp.TransportLayerCC, 1000),
		reports: make(chan *rtcp.ReceiverReport, 1000),
	}
	var err error
	if p.video, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}, "video", "stream"); err != nil {
		t.Fatal(err)
	}
	if p.audio, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "audio", "stream"); err != nil {
		t.Fatal(err)
	}
	for _, track := range []webrtc.TrackLocal{p.video, p.audio} {
		sender, err := p.pc.AddTrack(track)
		if err != nil {
			t.Fatal(err)
		}
		go p.readRTCP(sender)
	}
	return p
}

func (p *publisher) readRTCP(s *webrtc.RTPSender) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet := packet.(type) {
			case *rtcp.PictureLossIndication:
				p.keyFrames <- struct{}{}
			case *rtcp.TransportLayerCC:
				select {
				case p.feedback <- packet:
				default:
				}
			case *rtcp.ReceiverReport:
				select {
				case p.reports <- packet:
				default:
				}
			}
		}
	}
}

// send sends n video packets and n audio packets whose payloads tell their numbers.
func (p *publisher) send(t testing.TB, n int) {
	t.Helper()
	for range n {
		p.seq++
		p.timestamp += 3000
		h := rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: p.timestamp, Marker: true}
		if err := p.video.WriteRTP(&rtp.Packet{Header: h, Payload: videoPayload(p.seq)}); err != nil {
			t.Fatal(err)
		}
		h.Timestamp = p.timestamp / 90 * 48
		if err := p.audio.WriteRTP(&rtp.Packet{Header: h, Payload: []byte{0xfc, byte(p.seq), byte(p.seq >> 8)}}); err != nil {
			t.Fatal(err)
		}
	}
}

func videoPayload(seq uint16) []byte {
	b := bytes.Repeat([]byte{byte(seq), byte(seq >> 8)}, 500)
	b[0] = 0x65 // looks like an IDR slice
	return b
}

// viewer is a real WebRTC peer that receives video and audio.
type viewer struct {
	pc     *webrtc.PeerConnection
	peer   *Peer
	states states
	video  chan *rtp.Packet
	audio  chan *rtp.Packet
	tracks chan *webrtc.TrackRemote
}

var bothTracks = []media.Track{
	{ID: "0", Kind: media.Video, Codec: media.Codec{Name: "H264", ClockRate: 90000, FMTP: "packetization-mode=1;profile-level-id=42e01f"}},
	{ID: "1", Kind: media.Audio, Codec: media.Codec{Name: "opus", ClockRate: 48000, Channels: 2}},
}

func view(t testing.TB, tr *Transport, r *room, a *webrtc.API) *viewer {
	t.Helper()
	v := prepareViewer(t, a)
	var answer []byte
	var err error
	v.peer, answer, err = tr.Subscribe(offer(t, v.pc), bothTracks, PeerOptions{
		ID: "viewer", CNAME: "the-publisher", OnState: func(s State) { v.states <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.add(v.peer)
	accept(t, v.pc, answer)
	return v
}

func prepareViewer(t testing.TB, a *webrtc.API) *viewer {
	t.Helper()
	v := &viewer{
		pc: newConnection(t, a), states: make(states, 10),
		video: make(chan *rtp.Packet, 10000), audio: make(chan *rtp.Packet, 10000), tracks: make(chan *webrtc.TrackRemote, 2),
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := v.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	v.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		v.tracks <- track
		to := v.audio
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			to = v.video
		}
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			to <- packet
		}
	})
	return v
}

func next(t testing.TB, packets chan *rtp.Packet) *rtp.Packet {
	t.Helper()
	select {
	case p := <-packets:
		return p
	case <-time.After(patience):
		t.Fatal("no packet")
		return nil
	}
}

// eventually waits for a condition by asking; the condition is about another goroutine's work that tells nobody.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
