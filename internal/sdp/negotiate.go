package sdp

import (
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
)

// The header extensions the server speaks.
const (
	ExtMID              = "urn:ietf:params:rtp-hdrext:sdes:mid"
	ExtTransportCC      = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	ExtAbsoluteSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	ExtAudioLevel       = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
)

// Section is the answer to one section of an offer.
type Section struct {
	Offered   *Media
	Accepted  bool
	Direction Direction // of the answer
	// Codec is the chosen codec, RTX its retransmission format if there is one. Payload types, parameters
	// and feedback are those of the answer.
	Codec Codec
	RTX   *Codec
	// RED is the format of redundant sound (RFC 2198) that is used beside Codec, preferably; nil if none is.
	RED *Codec
	// Extensions are the ones in use, with the offer's numbers.
	Extensions []Extension
	// Layers are the rids of the simulcast layers to be received, in the offer's order; nil without simulcast. Whoever
	// wants fewer cuts the list before the answer is written.
	Layers []string

	// What the answerer sends on the section, when it sends.
	SSRC, RTXSSRC uint32
	CNAME         string
	Stream, Track string
}

// Extension returns the number of the header extension, 0 if it is not in use.
func (s *Section) Extension(uri string) uint8 {
	for _, e := range s.Extensions {
		if e.URI == uri {
			return e.ID
		}
	}
	return 0
}

// Wanted is a track that a viewer may get: what its publisher sends.
type Wanted struct {
	Kind Kind
	Name string // of the codec of a picture, as in an rtpmap; "" is H264
	FMTP string
	RED  uint8 // the payload type of the blocks of redundant sound; 0 if it comes plain
}

// ForPublish answers an offer to send. One audio and one video section are accepted, the latter with its layers;
// pictures in the first of the given codecs that is offered, in H.264 if none are given.
// It returns UNSUPPORTED_CODEC without a video section of them (media-features.md 6.2) and for sound that is not
// Opus, INVALID_OFFER without a usable section.
func (o *Offer) ForPublish(videos ...string) ([]Section, error) {
	if len(videos) == 0 {
		videos = Videos[:1]
	}
	if err := o.checkCodecs(videos); err != nil {
		return nil, err
	}
	return o.negotiate(RecvOnly, func(s *Section) *Codec {
		m := s.Offered
		switch {
		case !m.Direction.Sends():
			return nil
		case m.Kind == Video:
			return m.chooseVideo(videos)
		}
		opus := m.chooseOpus()
		if opus != nil {
			s.RED = m.chooseRED(opus.PayloadType, true)
		}
		return opus
	})
}

// ForSubscribe answers an offer to receive the tracks. Sections of a kind that is not wanted are rejected.
// It returns UNSUPPORTED_CODEC if the offer asks for pictures and can't take those of the publisher, or can take none of
// the tracks, INVALID_OFFER without a usable section.
func (o *Offer) ForSubscribe(tracks []Wanted) ([]Section, error) {
	var picture, refused *Wanted
	asked := false
	sections, err := o.negotiate(SendOnly, func(s *Section) *Codec {
		m := s.Offered
		for i := range tracks {
			w := &tracks[i]
			if w.Kind != m.Kind || !m.Direction.Receives() {
				continue
			}
			asked = true
			if m.Kind == Video {
				chosen := m.chooseLike(*w)
				if chosen != nil {
					picture = w
				} else {
					refused = w
				}
				return chosen
			}
			opus := m.chooseOpus()
			if opus != nil && opus.PayloadType == w.RED {
				s.RED = m.chooseRED(w.RED, false)
			}
			return opus
		}
		return nil
	})
	switch {
	case picture == nil && refused != nil:
		return nil, &live.Error{
			Kind: live.Unsupported, Reason: live.UnsupportedCodec, EventCode: live.InvalidVideoCodec,
			Message: "the publisher sends " + refused.String() + ", the offer can take: " + o.codecs(Video),
		}
	case err != nil && asked:
		return nil, &live.Error{
			Kind: live.Unsupported, Reason: live.UnsupportedCodec, EventCode: live.InvalidAudioCodec,
			Message: "the publisher sends opus, the offer can take: " + o.codecs(Audio),
		}
	}
	return sections, err
}

// String names the codec, with its profile if it has several.
func (w *Wanted) String() string {
	if w.Name == "" || strings.EqualFold(w.Name, "H264") {
		return "H264"
	}
	if p, ok := profileParameters[strings.ToUpper(w.Name)]; ok {
		return w.Name + " (" + p.key + "=" + clip(profile(w.Name, w.FMTP)) + ")"
	}
	return clip(w.Name)
}

// negotiate accepts the first section of each kind for which choose names a codec.
func (o *Offer) negotiate(d Direction, choose func(*Section) *Codec) ([]Section, error) {
	sections := make([]Section, len(o.Medias))
	taken := map[Kind]bool{}
	numbers := map[uint8]string{} // extension numbers are shared by a bundle (RFC 8285 section 6)
	for i := range o.Medias {
		m := &o.Medias[i]
		sections[i] = Section{Offered: m, Direction: Inactive}
		if m.Rejected || taken[m.Kind] || (m.Kind != Audio && m.Kind != Video) ||
			!strings.HasSuffix(m.Protocol, "TLS/RTP/SAVPF") || !o.bundles(m, len(taken) > 0) {
			continue
		}
		chosen := choose(&sections[i])
		if chosen == nil {
			continue
		}
		if !m.RTCPMux {
			return nil, refuse("media section %d lacks a=rtcp-mux", i)
		}
		taken[m.Kind] = true
		sections[i].accept(d, chosen, numbers)
	}
	if len(taken) == 0 {
		return nil, refuse("the offer has no usable media section")
	}
	return sections, nil
}

// bundles tells whether the section can share the one transport: without a bundle group, only the first can.
func (o *Offer) bundles(m *Media, others bool) bool {
	if len(o.Bundle) == 0 {
		return !others
	}
	for _, mid := range o.Bundle {
		if mid == m.MID {
			return true
		}
	}
	return false
}

func (s *Section) accept(d Direction, chosen *Codec, numbers map[uint8]string) {
	m := s.Offered
	s.Accepted, s.Direction = true, d
	s.Codec = *chosen
	speaks := []string{"transport-cc"}
	if m.Kind == Video {
		speaks = []string{"nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"}
	}
	s.Codec.Feedback = nil
	for _, f := range speaks {
		if chosen.HasFeedback(f) {
			s.Codec.Feedback = append(s.Codec.Feedback, f)
		}
	}
	if m.Kind == Audio {
		s.Codec.FMTP = opusAnswer(chosen.FMTP)
	} else {
		s.Codec.FMTP = answerFMTP(chosen)
		s.RTX = m.rtxOf(chosen.PayloadType)
	}
	s.chooseExtensions(numbers)
	s.chooseLayers()
}

func (s *Section) chooseExtensions(numbers map[uint8]string) {
	wanted := []string{ExtMID, ExtTransportCC}
	if s.Offered.Kind == Audio {
		wanted = append(wanted, ExtAudioLevel)
	}
	if s.Offered.Kind == Video && s.Direction == RecvOnly && s.Offered.Simulcast != nil {
		wanted = append(wanted, ExtRID, ExtRepairedRID)
	}
	if s.Direction == RecvOnly {
		wanted = append(wanted, ExtAbsoluteSendTime)
	}
	for _, uri := range wanted {
		for _, e := range s.Offered.Extensions {
			if e.URI != uri || e.ID < 1 || e.ID > 14 || (numbers[e.ID] != "" && numbers[e.ID] != uri) {
				continue
			}
			numbers[e.ID] = uri
			s.Extensions = append(s.Extensions, Extension{ID: e.ID, URI: uri})
			break
		}
	}
}

// rtxOf returns the retransmission format of a payload type (RFC 4588 section 8.6), nil if none was offered.
func (m *Media) rtxOf(pt uint8) *Codec {
	for i := range m.Codecs {
		c := &m.Codecs[i]
		if !strings.EqualFold(c.Name, "rtx") {
			continue
		}
		if apt, ok := number(Parameter(c.FMTP, "apt"), 7); ok && uint8(apt) == pt {
			return &Codec{PayloadType: c.PayloadType, Name: "rtx", ClockRate: c.ClockRate, FMTP: c.FMTP}
		}
	}
	return nil
}

func (m *Media) chooseOpus() *Codec {
	for i := range m.Codecs {
		c := &m.Codecs[i]
		if strings.EqualFold(c.Name, "opus") && c.ClockRate == 48000 {
			return c
		}
	}
	return nil
}

// chooseH264 returns the best H.264 format. With the parameters of a publisher it prefers the same profile;
// without, the profile most decoders know. Formats without packetization-mode=1 come last: what such a
// sender makes is valid in mode 1 too.
func (m *Media) chooseH264(publisher string) *Codec {
	want := ""
	if publisher != "" {
		want = profileOf(publisher)
	}
	var best *Codec
	bestRank := 0
	for i := range m.Codecs {
		c := &m.Codecs[i]
		if !strings.EqualFold(c.Name, "H264") || c.ClockRate != 90000 {
			continue
		}
		rank := profileRank[profileOf(c.FMTP)]
		if rank == 0 {
			continue
		}
		if profileOf(c.FMTP) == want {
			rank += 10
		}
		if Parameter(c.FMTP, "packetization-mode") == "1" {
			rank += 100
		}
		if rank > bestRank {
			best, bestRank = c, rank
		}
	}
	return best
}

// profileRank orders profiles by how many decoders know them.
var profileRank = map[string]int{"constrained-baseline": 4, "baseline": 3, "main": 2, "high": 1}

// profileOf names the profile of an H.264 format by its profile-level-id (RFC 6184 section 8.1), "" if the
// server does not forward it.
func profileOf(fmtp string) string {
	id := strings.ToLower(Parameter(fmtp, "profile-level-id"))
	if id == "" {
		return "baseline" // what the RFC infers
	}
	if len(id) != 6 {
		return ""
	}
	constrained := strings.IndexByte("4567cdef", id[2]) >= 0 // constraint_set1_flag
	switch id[:2] {
	case "42":
		if constrained {
			return "constrained-baseline"
		}
		return "baseline"
	case "4d":
		return "main"
	case "64":
		return "high"
	}
	return ""
}

// h264Answer keeps the offered profile and mode: answers must repeat both (RFC 6184 section 8.2.2).
func h264Answer(offered string) string {
	out := "level-asymmetry-allowed=1"
	if mode := Parameter(offered, "packetization-mode"); mode == "1" {
		out += ";packetization-mode=1"
	}
	if id := Parameter(offered, "profile-level-id"); len(id) == 6 {
		out += ";profile-level-id=" + strings.ToLower(id)
	}
	return out
}

func opusAnswer(offered string) string {
	out := "minptime=10;useinbandfec=1"
	if Parameter(offered, "stereo") == "1" || Parameter(offered, "sprop-stereo") == "1" {
		out += ";stereo=1;sprop-stereo=1"
	}
	return out
}

// Parameter returns a format parameter, "" if it is absent.
func Parameter(fmtp, name string) string {
	for part := range strings.SplitSeq(fmtp, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if ok && strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}
