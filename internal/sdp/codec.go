package sdp

import (
	"slices"
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Videos are the codecs of pictures that can be forwarded, by the names of their rtpmaps.
var Videos = []string{"H264", "VP8", "VP9", "AV1", "H265"}

// profileParameters name what two formats of a codec must have in common for one to be sent as the other, with what
// holds where it is not told (RFC 9628 section 6.1, the AV1 RTP specification section 7.2.1, RFC 7798 section 7.1).
// H.264 has rules of its own.
var profileParameters = map[string]struct{ key, otherwise string }{
	"VP9":  {"profile-id", "0"},
	"AV1":  {"profile", "0"},
	"H265": {"profile-id", "1"},
}

// chooseVideo returns the format of the first of the codecs that the section offers, nil if it offers none.
func (m *Media) chooseVideo(names []string) *Codec {
	for _, name := range names {
		if strings.EqualFold(name, "H264") {
			if c := m.chooseH264(""); c != nil {
				return c
			}
			continue
		}
		usual := profileParameters[strings.ToUpper(name)].otherwise
		if c := m.chooseProfile(name, usual); c != nil {
			return c
		}
		if i := slices.IndexFunc(m.Codecs, func(c Codec) bool { return c.is(name) }); i >= 0 {
			return &m.Codecs[i]
		}
	}
	return nil
}

// chooseLike returns the format that a publisher's pictures can be sent as, nil if there is none.
func (m *Media) chooseLike(w Wanted) *Codec {
	if w.Name == "" || strings.EqualFold(w.Name, "H264") {
		return m.chooseH264(w.FMTP)
	}
	return m.chooseProfile(w.Name, profile(w.Name, w.FMTP))
}

func (m *Media) chooseProfile(name, wanted string) *Codec {
	for i := range m.Codecs {
		if c := &m.Codecs[i]; c.is(name) && profile(name, c.FMTP) == wanted {
			return c
		}
	}
	return nil
}

func (c *Codec) is(video string) bool {
	return strings.EqualFold(c.Name, video) && c.ClockRate == 90000
}

// profile returns the profile of a format of a codec other than H.264.
func profile(name, fmtp string) string {
	p := profileParameters[strings.ToUpper(name)]
	if v := Parameter(fmtp, p.key); p.key != "" && v != "" {
		return v
	}
	return p.otherwise
}

// Alike says whether who takes pictures of the one format takes those of the other.
func Alike(name, fmtp, otherName, otherFMTP string) bool {
	return strings.EqualFold(name, otherName) && profile(name, fmtp) == profile(otherName, otherFMTP)
}

// chooseRED returns the format of redundant sound (RFC 2198) whose blocks are of the opus payload type, nil if there
// is none. With preferred, it must stand before that: who would rather send plain Opus says so by the order.
func (m *Media) chooseRED(opus uint8, preferred bool) *Codec {
	for i := range m.Codecs {
		c := &m.Codecs[i]
		if preferred && c.PayloadType == opus {
			return nil
		}
		if !strings.EqualFold(c.Name, "red") || c.ClockRate != 48000 {
			continue
		}
		blocks := strings.Split(c.FMTP, "/")
		all := !slices.ContainsFunc(blocks, func(b string) bool {
			pt, ok := number(b, 7)
			return !ok || uint8(pt) != opus
		})
		if all {
			return &Codec{PayloadType: c.PayloadType, Name: c.Name, ClockRate: c.ClockRate, Channels: c.Channels, FMTP: c.FMTP}
		}
	}
	return nil
}

// codecs names what the offer's sections of the kind hold, for a refusal.
func (o *Offer) codecs(kind Kind) string {
	var names []string
	for i := range o.Medias {
		m := &o.Medias[i]
		if m.Kind != kind || m.Rejected {
			continue
		}
		for _, c := range m.Codecs {
			switch name := strings.ToUpper(c.Name); name {
			case "", "RTX", "RED", "ULPFEC", "FLEXFEC-03", "TELEPHONE-EVENT", "CN":
			default:
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return clip(strings.Join(names, ", "))
}

// checkCodecs refuses an offer to publish in codecs that are not taken.
func (o *Offer) checkCodecs(videos []string) error {
	video, sound, opus := false, false, false
	for i := range o.Medias {
		m := &o.Medias[i]
		switch {
		case m.Rejected:
		case m.Kind == Video:
			video = video || m.chooseVideo(videos) != nil
		case m.Kind == Audio && m.Direction.Sends():
			sound, opus = true, opus || m.chooseOpus() != nil
		}
	}
	if !video {
		return &live.Error{
			Kind: live.Unsupported, Reason: live.UnsupportedCodec, EventCode: live.InvalidVideoCodec,
			Message: "the offer has no video section with " + strings.Join(videos, ", ") +
				" (needed even for audio alone; setting limits.codecs), but with: " + o.codecs(Video),
		}
	}
	if sound && !opus {
		return &live.Error{
			Kind: live.Unsupported, Reason: live.UnsupportedCodec, EventCode: live.InvalidAudioCodec,
			Message: "the offer has no audio section with opus, but with: " + o.codecs(Audio),
		}
	}
	return nil
}

// answerFMTP returns the parameters that answer a chosen format: those of H.264 as its rules are, others as offered.
func answerFMTP(c *Codec) string {
	if strings.EqualFold(c.Name, "H264") {
		return h264Answer(c.FMTP)
	}
	return c.FMTP
}
