package sfu_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/rtc"
	"github.com/proscenium-live/proscenium/internal/sdp"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

const patience = 20 * time.Second

// Five packets in a hundred are lost on the way up and five on the way down, repetitions included: each viewer, and
// one that comes late, has every packet in the end, by real peers over real sockets.
func TestJourney_EveryPacketArrivesOverLossyLines(t *testing.T) {
	w := newWorld(t)
	publisher, track := w.publish(lossy{percent: 5})
	viewers := []*watcher{w.watch(lossy{}), w.watch(lossy{percent: 5})}
	const frames, perFrame = 200, 5
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.Now().Add(patience)
	number := uint32(0)
	for frame := uint32(0); frame < frames || !complete(viewers, frames*perFrame); frame++ {
		n := uint32(perFrame)
		switch {
		case frame == 150:
			viewers = append(viewers, w.watch(lossy{percent: 5}))
		case frame == frames:
			// From here on a trickle keeps the stream alive: all that counts stays in the ring until the slowest
			// machine has asked for it.
			tick.Reset(20 * time.Millisecond)
			fallthrough
		case frame > frames:
			n = 1
		}
		sendFrame(t, track, frame, number, n)
		number += n
		if now := <-tick.C; now.After(late) {
			t.Fatalf("the viewers still miss %v; %+v", missing(viewers, frames*perFrame), w.up.Load().Stats())
		}
	}
	if st := w.up.Load().Stats(); st.Recovered == 0 || st.Lost != 0 {
		t.Errorf("the publisher's line: %+v", st)
	}
	if publisher.ConnectionState() != webrtc.PeerConnectionStateConnected {
		t.Error("the publisher is gone")
	}
}

// sendFrame sends a frame of n packets, every fiftieth a key frame; each payload ends with the packet's number.
func sendFrame(t *testing.T, track *webrtc.TrackLocalStaticRTP, frame, first, n uint32) {
	t.Helper()
	for i := range n {
		start := []byte{0x41, 0x9a}
		if frame%50 == 0 && i == 0 {
			start = []byte{0x78, 0, 5, 0x67, 0x42, 0, 0, 0, 0, 2, 0x68, 0xce}
		}
		number := first + i
		if err := track.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: uint16(number), Timestamp: frame * 450, Marker: i == n-1},
			Payload: binary.BigEndian.AppendUint32(append(start, make([]byte, 500)...), number),
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// world is a transport and an engine, wired as host wires them.
type world struct {
	t         *testing.T
	transport *rtc.Transport
	room      *sfu.Room
	up        atomic.Pointer[sfu.UpTrack]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	transport, err := rtc.Open(rtc.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	engine := sfu.NewEngine(sfu.Options{Workers: 2, NewBatch: transport.NewBatch})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = transport.Run(ctx) })
	running.Go(func() { _ = engine.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return &world{t: t, transport: transport, room: engine.NewRoom()}
}

func (w *world) publish(l lossy) (*webrtc.PeerConnection, *webrtc.TrackLocalStaticRTP) {
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}, "v", "s")
	w.must(err)
	pc := w.connection(l)
	sending, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	w.must(err)
	go func() { // pion acts on feedback that is read
		b := make([]byte, 1500)
		for {
			if _, _, err := sending.Sender().Read(b); err != nil {
				return
			}
		}
	}()
	w.connect(pc, func(offer *sdp.Offer, o rtc.PeerOptions) ([]byte, error) {
		o.OnTrack = func(s media.Source) media.Receiver {
			up := w.room.AddUp(s)
			w.up.Store(up)
			return up
		}
		_, answer, err := w.transport.Publish(offer, o)
		return answer, err
	})
	return pc, track
}

// watcher is a viewer and what it has got.
type watcher struct {
	mu    sync.Mutex
	first uint32
	got   map[uint32]bool
}

func (w *world) watch(l lossy) *watcher {
	v := &watcher{got: map[uint32]bool{}}
	pc := w.connection(l)
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { v.read(track) })
	_, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	w.must(err)
	var peer *rtc.Peer
	w.connect(pc, func(offer *sdp.Offer, o rtc.PeerOptions) (answer []byte, err error) {
		peer, answer, err = w.transport.Subscribe(offer, []media.Track{w.up.Load().Track()}, o)
		return answer, err
	})
	sink := peer.Sink(media.Video)
	sink.SetFeedback(w.room.AddDown(w.up.Load(), sink))
	return v
}

func (v *watcher) read(track *webrtc.TrackRemote) {
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if len(p.Payload) < 4 {
			continue
		}
		number := binary.BigEndian.Uint32(p.Payload[len(p.Payload)-4:])
		v.mu.Lock()
		if len(v.got) == 0 {
			v.first = number
		}
		v.got[number] = true
		v.mu.Unlock()
	}
}

// missing returns which packets the viewer has not got, from its first up to but without end.
func (v *watcher) missing(end uint32) []uint32 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.got) == 0 {
		return []uint32{0}
	}
	var list []uint32
	for n := v.first; n < end; n++ {
		if !v.got[n] {
			list = append(list, n)
		}
	}
	return list
}

func missing(viewers []*watcher, end uint32) [][]uint32 {
	var lists [][]uint32
	for _, v := range viewers {
		lists = append(lists, v.missing(end))
	}
	return lists
}

func complete(viewers []*watcher, end uint32) bool {
	for _, v := range viewers {
		if len(v.missing(end)) > 0 {
			return false
		}
	}
	return true
}

// connect exchanges offer and answer and waits until media may flow at both ends.
func (w *world) connect(pc *webrtc.PeerConnection, exchange func(*sdp.Offer, rtc.PeerOptions) ([]byte, error)) {
	w.t.Helper()
	there, here := make(chan struct{}), make(chan struct{})
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(there)
		}
	})
	offer, err := pc.CreateOffer(nil)
	w.must(err)
	gathered := webrtc.GatheringCompletePromise(pc)
	w.must(pc.SetLocalDescription(offer))
	<-gathered
	parsed, err := sdp.ParseOffer([]byte(pc.LocalDescription().SDP))
	w.must(err)
	answer, err := exchange(parsed, rtc.PeerOptions{ID: "p", OnState: func(s rtc.State) {
		if s == rtc.Connected {
			close(here)
		}
	}})
	w.must(err)
	w.must(pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}))
	late := time.After(patience)
	for _, c := range []chan struct{}{here, there} {
		select {
		case <-c:
		case <-late:
			w.t.Fatal("no connection")
		}
	}
}

func (w *world) connection(l lossy) *webrtc.PeerConnection {
	w.t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.Equal(net.IPv4(127, 0, 0, 1)) })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	m := &webrtc.MediaEngine{}
	w.must(m.RegisterDefaultCodecs())
	chain := &interceptor.Registry{}
	chain.Add(l) // first, so next to the line
	// Pion remembers 512 packets of what it misses: on a busy machine that may be over before the answer comes.
	asking, err := nack.NewGeneratorInterceptor(nack.GeneratorSize(8192), nack.GeneratorInterval(20*time.Millisecond))
	w.must(err)
	answering, err := nack.NewResponderInterceptor(nack.ResponderSize(8192))
	w.must(err)
	m.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack"}, webrtc.RTPCodecTypeVideo)
	m.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack", Parameter: "pli"}, webrtc.RTPCodecTypeVideo)
	chain.Add(asking)
	chain.Add(answering)
	w.must(webrtc.ConfigureRTCPReports(chain))
	w.must(webrtc.ConfigureTWCCSender(m, chain))
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(chain)).
		NewPeerConnection(webrtc.Configuration{})
	w.must(err)
	w.t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// lossy is a line that loses packets both ways.
type lossy struct {
	interceptor.NoOp
	percent int
}

func (l lossy) NewInterceptor(string) (interceptor.Interceptor, error) { return &l, nil }

func (l *lossy) loses() bool { return rand.IntN(100) < l.percent }

func (l *lossy) BindLocalStream(_ *interceptor.StreamInfo, to interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if l.loses() {
			return len(payload), nil
		}
		return to.Write(h, payload, a)
	})
}

func (l *lossy) BindRemoteStream(_ *interceptor.StreamInfo, from interceptor.RTPReader) interceptor.RTPReader {
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		for {
			n, attributes, err := from.Read(b, a)
			if err != nil || !l.loses() {
				return n, attributes, err
			}
		}
	})
}
