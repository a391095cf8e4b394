package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/client"
)

const (
	nackAgain = 100 * time.Millisecond // a receiver that sends nothing knows no round trip: browsers take 100 ms
	nackTries = 10
	nackMost  = 1000 // missing packets that are remembered; beyond, only a key frame helps
	tickEvery = 10 * time.Millisecond
	// patience for what is missing before a key frame is asked for: reordering without recovery, with it the time
	// of all tries.
	plainPatience, recoveryPatience = 100 * time.Millisecond, nackTries * nackAgain
	wishAgain                       = 500 * time.Millisecond
)

// viewer receives and judges one publisher. Its receiver is pion's; asking again for what is missing is its own and
// follows a browser's: at once, then each 100 ms, ten times.
type viewer struct {
	pc       *webrtc.PeerConnection
	exchange client.Exchanger
	location string
	recovery bool
	start    time.Time
	end      context.CancelFunc
	ended    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	video   numbers
	audio   numbers
	picture *picture
	sound   *sound
	ssrc    uint32
	missing map[uint64]*gap
	wished  time.Duration
	counts  viewerCounts
}

type viewerCounts struct {
	Packets   uint64 `json:"packets"` // of video, first sendings and repeats
	Bytes     uint64 `json:"bytes"`
	Repaired  uint64 `json:"repaired"`
	Asked     uint64 `json:"asked"` // packets in NACKs
	KeyFrames uint64 `json:"keyFramesAsked"`
}

type gap struct {
	asked time.Duration
	tries int
}

// numbers widens sequence numbers.
type numbers struct {
	have    bool
	highest uint64
}

func (n *numbers) widen(seq uint16) uint64 {
	if !n.have {
		n.have, n.highest = true, 1<<32+uint64(seq)
	}
	wide := uint64(int64(n.highest) + int64(int16(seq-uint16(n.highest))))
	return wide
}

// watch subscribes and returns when media may flow.
func watch(ctx context.Context, token, publisher string, transport http.RoundTripper, recovery bool) (*viewer, error) {
	v := &viewer{
		exchange: client.Exchanger{Token: token, HTTP: &http.Client{Transport: transport, Timeout: 15 * time.Second}},
		recovery: recovery, start: time.Now(), picture: newPicture(), sound: newSound(), missing: map[uint64]*gap{},
	}
	claims, err := client.ParseToken(token)
	if err != nil {
		return nil, err
	}
	if v.pc, err = newConnection(recovery); err != nil {
		return nil, err
	}
	run, end := context.WithCancel(context.WithoutCancel(ctx))
	v.end = end
	v.pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { v.read(t) })
	if err := v.connect(ctx, strings.TrimRight(claims.WHIPURL, "/")+"/subscribe/"+publisher); err != nil {
		v.stop(ctx)
		return nil, err
	}
	v.ended.Go(func() { v.tick(run) })
	return v, nil
}

// newConnection makes a peer connection that asks again for nothing by itself.
func newConnection(recovery bool) (*webrtc.PeerConnection, error) {
	var engine webrtc.MediaEngine
	var registry interceptor.Registry
	h264 := webrtc.RTPCodecParameters{PayloadType: 106, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: videoClock,
		SDPFmtpLine:  "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack", Parameter: "pli"}},
	}}
	if recovery {
		h264.RTCPFeedback = append(h264.RTCPFeedback, webrtc.RTCPFeedback{Type: "nack"})
	}
	errs := []error{
		engine.RegisterCodec(h264, webrtc.RTPCodecTypeVideo),
		engine.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		}}, webrtc.RTPCodecTypeAudio),
		webrtc.ConfigureRTCPReports(&registry),
	}
	if recovery {
		errs = append(errs,
			engine.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 107, RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: videoClock, SDPFmtpLine: "apt=106",
			}}, webrtc.RTPCodecTypeVideo),
			webrtc.ConfigureTWCCSender(&engine, &registry))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("set up codecs: %w", err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	return webrtc.NewAPI(webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(&registry),
		webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
}

func (v *viewer) connect(ctx context.Context, url string) error {
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := v.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return err
		}
	}
	connected := make(chan struct{})
	var once sync.Once
	v.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	offer, err := v.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(v.pc)
	if err := v.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	answer, location, err := v.exchange.Offer(ctx, url, v.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	v.location = location
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return err
	}
	select {
	case <-connected:
		return nil
	case <-time.After(20 * time.Second):
		return errors.New("not connected within 20 s")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read takes a track's packets until the connection ends.
func (v *viewer) read(t *webrtc.TrackRemote) {
	v.mu.Lock()
	video := t.Kind() == webrtc.RTPCodecTypeVideo
	if video {
		v.ssrc = uint32(t.SSRC())
	}
	v.mu.Unlock()
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		now := time.Since(v.start)
		v.mu.Lock()
		var ask []uint16
		if video {
			ask = v.takeVideo(now, p)
		} else {
			v.sound.take(now, v.audio.take(p.SequenceNumber), p.Payload)
		}
		v.mu.Unlock()
		v.nack(ask)
	}
}

// take widens a number and keeps the highest.
func (n *numbers) take(seq uint16) uint64 {
	wide := n.widen(seq)
	n.highest = max(n.highest, wide)
	return wide
}

// takeVideo returns what is to be asked for.
func (v *viewer) takeVideo(now time.Duration, p *rtp.Packet) (ask []uint16) {
	before, had := v.video.highest, v.video.have
	seq := v.video.take(p.SequenceNumber)
	v.counts.Packets++
	v.counts.Bytes += uint64(p.MarshalSize())
	if _, missed := v.missing[seq]; missed {
		v.counts.Repaired++
		delete(v.missing, seq)
	}
	if had && seq > before+1 && v.recovery {
		for n := before + 1; n < seq && len(v.missing) < nackMost; n++ {
			v.missing[n] = &gap{now, 1}
			ask = append(ask, uint16(n))
		}
	}
	v.picture.take(now, seq, p.Timestamp, p.Marker, p.Payload)
	return ask
}

// tick asks again, and for a key frame where nothing else helps.
func (v *viewer) tick(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Since(v.start)
		v.mu.Lock()
		v.picture.advance(now)
		var ask []uint16
		gaveUp := false
		for seq, g := range v.missing {
			switch {
			case seq < v.picture.next:
				delete(v.missing, seq) // a key frame went past it
			case now-g.asked < nackAgain:
			case g.tries >= nackTries:
				delete(v.missing, seq)
				gaveUp = true
			default:
				g.asked, g.tries = now, g.tries+1
				ask = append(ask, uint16(seq))
			}
		}
		patience := plainPatience
		if v.recovery {
			patience = recoveryPatience
		}
		wish := v.ssrc != 0 && (gaveUp || v.picture.stuck(now) > patience) && now-v.wished > wishAgain
		if wish {
			v.wished = now
			v.counts.KeyFrames++
		}
		v.mu.Unlock()
		v.nack(ask)
		if wish {
			_ = v.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: v.ssrc}})
		}
	}
}

func (v *viewer) nack(seqs []uint16) {
	if len(seqs) == 0 {
		return
	}
	v.mu.Lock()
	v.counts.Asked += uint64(len(seqs))
	ssrc := v.ssrc
	v.mu.Unlock()
	_ = v.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{
		MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
	}})
}

func (v *viewer) stop(ctx context.Context) {
	v.end()
	v.ended.Wait()
	if v.location != "" {
		_ = v.exchange.Delete(ctx, v.location)
	}
	_ = v.pc.Close()
}
