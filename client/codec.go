package client

import (
	"fmt"
	"strings"

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

const typeOpus = 111

// videos are the formats of pictures with their payload types; that of retransmissions is the next. H.264 comes first.
// The others go from publisher to viewer where the server takes them (its setting limits.codecs).
var videos = []webrtc.RTPCodecParameters{
	{PayloadType: 106, RTPCodecCapability: h264},
	{PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}},
	{PayloadType: 98, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP9, ClockRate: 90000, SDPFmtpLine: "profile-id=0"}},
	{PayloadType: 100, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}},
	{PayloadType: 102, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH265, ClockRate: 90000}},
}

func registerCodecs(m *webrtc.MediaEngine) error {
	for _, v := range videos {
		for _, c := range withRTX(v) {
			if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
				return fmt.Errorf("register %s: %w", c.MimeType, err)
			}
		}
	}
	err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: typeOpus}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		return fmt.Errorf("register %s: %w", opus.MimeType, err)
	}
	return nil
}

// withRTX returns a format of pictures as it is offered, and that of its retransmissions.
func withRTX(v webrtc.RTPCodecParameters) []webrtc.RTPCodecParameters {
	v.RTCPFeedback = []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	return []webrtc.RTPCodecParameters{v, {
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", v.PayloadType),
		}, PayloadType: v.PayloadType + 1,
	}}
}

// offerOwn has a connection offer each picture that it sends in the codec of its track alone: the server might
// choose another, and nobody here encodes.
func offerOwn(pc *webrtc.PeerConnection) error {
	for _, tr := range pc.GetTransceivers() {
		sender := tr.Sender()
		if sender == nil {
			continue
		}
		sends, ok := sender.Track().(interface {
			Codec() webrtc.RTPCodecCapability
		})
		if !ok {
			continue
		}
		for _, v := range videos {
			if !strings.EqualFold(v.MimeType, sends.Codec().MimeType) {
				continue
			}
			if err := tr.SetCodecPreferences(withRTX(v)); err != nil {
				return fmt.Errorf("offer %s: %w", v.MimeType, err)
			}
		}
	}
	return nil
}

// NewVideoTrack returns a video track to publish that takes RTP packets of the codec: webrtc.MimeTypeH264, VP8, VP9, AV1
// or H265. Viewers must know it; a server may take H.264 only.
func NewVideoTrack(mimeType, id string) (*webrtc.TrackLocalStaticRTP, error) {
	for _, v := range videos {
		if strings.EqualFold(v.MimeType, mimeType) {
			return webrtc.NewTrackLocalStaticRTP(v.RTPCodecCapability, id, "proscenium")
		}
	}
	return nil, fmt.Errorf("new video track: stages do not carry %s", mimeType)
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
