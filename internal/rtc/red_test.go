package rtc

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/internal/media"
)

// soundAPI makes peers of Opus with the payload type, after redundant sound if that is wanted, and H.264.
func soundAPI(t testing.TB, opus webrtc.PayloadType, red bool) *webrtc.API {
	t.Helper()
	m := &webrtc.MediaEngine{}
	register := func(kind webrtc.RTPCodecType, pt webrtc.PayloadType, c webrtc.RTPCodecCapability) {
		if err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: pt}, kind); err != nil {
			t.Fatal(err)
		}
	}
	if red {
		register(webrtc.RTPCodecTypeAudio, 63, redSound(opus))
	}
	register(webrtc.RTPCodecTypeAudio, opus, webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	})
	register(webrtc.RTPCodecTypeVideo, 102, webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	})
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(loopback(t)))
}

func redSound(opus webrtc.PayloadType) webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{
		MimeType: "audio/red", ClockRate: 48000, Channels: 2, SDPFmtpLine: fmt.Sprintf("%d/%d", opus, opus),
	}
}

// RFC 2198: who takes redundant sound gets the publisher's packets to the byte, anyone else plain Opus.
func TestRedundantSound_PassesThroughOrIsTakenApart(t *testing.T) {
	tr := serve(t, Options{})
	r := newRoom(tr)
	p := &publisher{pc: newConnection(t, soundAPI(t, 111, true)), states: make(states, 10)}
	sound, err := webrtc.NewTrackLocalStaticRTP(redSound(111), "audio", "stream")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.pc.AddTrack(sound); err != nil {
		t.Fatal(err)
	}
	if _, err := p.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil { // an offer needs it
		t.Fatal(err)
	}
	var answer []byte
	p.peer, answer, err = tr.Publish(offer(t, p.pc), PeerOptions{
		ID: "publisher", OnTrack: r.onTrack, OnState: func(s State) { p.states <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, p.pc, answer)
	p.states.want(t, Connected)
	established(t, p.pc)
	var track media.Track
	for _, candidate := range p.peer.Tracks() {
		if candidate.Kind == media.Audio {
			track = candidate
		}
	}
	if track.Codec.Name != "opus" || track.Codec.RED != 111 {
		t.Fatalf("the track is %+v", track)
	}

	watch := func(a *webrtc.API) *viewer {
		v := prepareViewer(t, a)
		var answer []byte
		v.peer, answer, err = tr.Subscribe(offer(t, v.pc), p.peer.Tracks(), PeerOptions{ID: "viewer", OnState: func(s State) { v.states <- s }})
		if err != nil {
			t.Fatal(err)
		}
		r.add(v.peer)
		accept(t, v.pc, answer)
		v.states.want(t, Connected)
		established(t, v.pc)
		return v
	}
	redundant := watch(soundAPI(t, 111, true))
	plain := watch(soundAPI(t, 111, false))
	elsewhere := watch(soundAPI(t, 109, true)) // its blocks would have another number

	older, newer := []byte("older"), []byte("newer packet")
	payload := append([]byte{0x80 | 111, 0x0f, 0x00, byte(len(older)), 111}, append(older, newer...)...)
	for seq := range uint16(20) {
		h := rtp.Header{Version: 2, SequenceNumber: 100 + seq, Timestamp: uint32(seq) * 960}
		if err := sound.WriteRTP(&rtp.Packet{Header: h, Payload: payload}); err != nil {
			t.Fatal(err)
		}
		if got := next(t, redundant.audio); !bytes.Equal(got.Payload, payload) || got.PayloadType != 63 || got.SequenceNumber != 100+seq {
			t.Fatalf("the viewer of both got %d, type %d: %q", got.SequenceNumber, got.PayloadType, got.Payload)
		}
		if got := next(t, plain.audio); !bytes.Equal(got.Payload, newer) || got.PayloadType != 111 || got.SequenceNumber != 100+seq {
			t.Fatalf("the plain viewer got %d, type %d: %q", got.SequenceNumber, got.PayloadType, got.Payload)
		}
		if got := next(t, elsewhere.audio); !bytes.Equal(got.Payload, newer) || got.PayloadType != 109 {
			t.Fatalf("the viewer with other numbers got type %d: %q", got.PayloadType, got.Payload)
		}
	}
}
