package client

import (
	"fmt"

	"github.com/pion/webrtc/v4"
)

// The formats that stages carry. H.264 is offered as browsers do: constrained baseline, packetization-mode 1.
var (
	h264 = webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	opus = webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
		SDPFmtpLine: "minptime=10;useinbandfec=1",
	}
)

const (
	typeH264 = 106
	typeRTX  = 107
	typeOpus = 111
)

func registerCodecs(m *webrtc.MediaEngine) error {
	video := h264
	video.RTCPFeedback = []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	for _, c := range []struct {
		kind webrtc.RTPCodecType
		webrtc.RTPCodecParameters
	}{
		{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{RTPCodecCapability: video, PayloadType: typeH264}},
		{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", typeH264),
			}, PayloadType: typeRTX,
		}},
		{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: typeOpus}},
	} {
		if err := m.RegisterCodec(c.RTPCodecParameters, c.kind); err != nil {
			return fmt.Errorf("register %s: %w", c.MimeType, err)
		}
	}
	return nil
}

// NewH264Track returns a video track to publish that takes RTP packets (RFC 6184); SSRC and payload type are
// set on the way out. The id tells tracks of one publication apart.
func NewH264Track(id string) (*webrtc.TrackLocalStaticRTP, error) {
	return webrtc.NewTrackLocalStaticRTP(h264, id, "proscenium")
}

// NewOpusTrack returns an audio track to publish that takes RTP packets (RFC 7587).
func NewOpusTrack(id string) (*webrtc.TrackLocalStaticRTP, error) {
	return webrtc.NewTrackLocalStaticRTP(opus, id, "proscenium")
}

// NewH264Samples returns a video track to publish that takes access units (Annex B) with their durations.
func NewH264Samples(id string) (*webrtc.TrackLocalStaticSample, error) {
	return webrtc.NewTrackLocalStaticSample(h264, id, "proscenium")
}

// NewOpusSamples returns an audio track to publish that takes Opus packets with their durations.
func NewOpusSamples(id string) (*webrtc.TrackLocalStaticSample, error) {
	return webrtc.NewTrackLocalStaticSample(opus, id, "proscenium")
}
