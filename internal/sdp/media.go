package sdp

import (
	"errors"
	"fmt"
	"strings"

	psdp "github.com/pion/sdp/v3"
)

// readMedia reads one section. Its errors say what is wrong; the caller says where.
func readMedia(d *psdp.MediaDescription, session []psdp.Attribute) (*Media, error) {
	m := &Media{
		Kind:      Kind(d.MediaName.Media),
		Protocol:  strings.Join(d.MediaName.Protos, "/"),
		Direction: SendRecv,
		Formats:   d.MediaName.Formats,
		Rejected:  d.MediaName.Port.Value == 0,
	}
	if len(m.Formats) > maxCodecs {
		return nil, fmt.Errorf("more than %d payload types", maxCodecs)
	}
	for _, a := range session {
		if d := Direction(a.Key); d.known() {
			m.Direction = d
		}
	}
	if m.Kind == Audio || m.Kind == Video {
		if err := m.readFormats(); err != nil {
			return nil, err
		}
	}
	for _, a := range d.Attributes {
		if err := m.readAttribute(a.Key, a.Value); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (d Direction) known() bool { return d.Sends() || d.Receives() || d == Inactive }

func (m *Media) readFormats() error {
	for _, format := range m.Formats {
		pt, ok := number(format, 7)
		if !ok {
			return errors.New("a payload type that is no number below 128")
		}
		if m.codec(uint8(pt)) != nil {
			return fmt.Errorf("payload type %d twice", pt)
		}
		m.Codecs = append(m.Codecs, Codec{PayloadType: uint8(pt)})
	}
	return nil
}

// codec returns the codec with the payload type, nil if the m-line does not name it.
func (m *Media) codec(pt uint8) *Codec {
	for i := range m.Codecs {
		if m.Codecs[i].PayloadType == pt {
			return &m.Codecs[i]
		}
	}
	return nil
}

func (m *Media) readAttribute(key, value string) error {
	switch key {
	case "mid":
		if value == "" || len(value) > maxMID || strings.ContainsAny(value, " \t") {
			return errors.New("malformed mid")
		}
		m.MID = value
	case "sendrecv", "sendonly", "recvonly", "inactive":
		m.Direction = Direction(key)
	case "rtcp-mux":
		m.RTCPMux = true
	case "bundle-only":
		m.Rejected = false // RFC 9143 section 6: port 0 does not mean rejected then
	case "simulcast":
		return m.readSimulcast(value)
	case "msid":
		m.MSID = clipText(value)
	case "rtpmap":
		return m.readRTPMap(value)
	case "fmtp":
		m.readFMTP(value)
	case "rtcp-fb":
		return m.readFeedback(value)
	case "extmap":
		return m.readExtension(value)
	case "ssrc":
		return m.readSSRC(value)
	case "ssrc-group":
		return m.readGroup(value)
	case "rid":
		return m.readRID(value)
	}
	return nil
}

func clipText(s string) string { return s[:min(len(s), maxText)] }

// readRTPMap reads "96 H264/90000" or "111 opus/48000/2".
func (m *Media) readRTPMap(value string) error {
	id, rest, _ := strings.Cut(value, " ")
	c, err := m.named(id)
	if c == nil || err != nil {
		return err
	}
	parts := strings.Split(strings.TrimSpace(rest), "/")
	if len(parts) < 2 || len(parts) > 3 {
		return errors.New("malformed rtpmap")
	}
	rate, ok := number(parts[1], 32)
	if !ok {
		return errors.New("malformed clock rate in rtpmap")
	}
	c.Name, c.ClockRate, c.Channels = clipText(parts[0]), uint32(rate), 0
	if len(parts) == 3 {
		channels, ok := number(parts[2], 8)
		if !ok {
			return errors.New("malformed channels in rtpmap")
		}
		c.Channels = uint8(channels)
	}
	return nil
}

// named returns the codec of a payload type in an attribute, nil if it is not on the m-line.
func (m *Media) named(id string) (*Codec, error) {
	pt, ok := number(id, 7)
	if !ok {
		return nil, errors.New("an attribute for a payload type that is no number below 128")
	}
	return m.codec(uint8(pt)), nil
}

func (m *Media) readFMTP(value string) {
	id, rest, _ := strings.Cut(value, " ")
	// Formats of other protocols, such as data channels, have names here.
	if c, err := m.named(id); err == nil && c != nil {
		c.FMTP = strings.TrimSpace(rest)
	}
}

func (m *Media) readFeedback(value string) error {
	id, rest, _ := strings.Cut(value, " ")
	rest = strings.TrimSpace(rest)
	if id == "*" {
		for i := range m.Codecs {
			m.Codecs[i].addFeedback(rest)
		}
		return nil
	}
	c, err := m.named(id)
	if c != nil {
		c.addFeedback(rest)
	}
	return err
}

func (c *Codec) addFeedback(s string) {
	if len(c.Feedback) < 16 && len(s) < 64 && !c.HasFeedback(s) {
		c.Feedback = append(c.Feedback, s)
	}
}

// HasFeedback tells whether the codec has the rtcp-fb, such as "nack pli".
func (c *Codec) HasFeedback(s string) bool {
	for _, f := range c.Feedback {
		if f == s {
			return true
		}
	}
	return false
}

// readExtension reads "3/recvonly urn:x attributes" (RFC 8285 section 8).
func (m *Media) readExtension(value string) error {
	fields := strings.Fields(value)
	if len(fields) < 2 {
		return errors.New("malformed extmap")
	}
	id, direction, _ := strings.Cut(fields[0], "/")
	n, ok := number(id, 16)
	if !ok || n == 0 {
		return errors.New("malformed extmap")
	}
	if n > 255 { // 4096 and up ask us to choose (RFC 8285 section 7): we don't
		return nil
	}
	if len(m.Extensions) == maxExtensions {
		return fmt.Errorf("more than %d header extensions", maxExtensions)
	}
	for _, e := range m.Extensions {
		if e.ID == uint8(n) {
			return fmt.Errorf("header extension %d twice", n)
		}
	}
	e := Extension{ID: uint8(n), URI: clipText(fields[1]), Direction: SendRecv}
	if direction != "" {
		e.Direction = Direction(direction)
	}
	m.Extensions = append(m.Extensions, e)
	return nil
}

func (m *Media) readSSRC(value string) error {
	id, attribute, _ := strings.Cut(value, " ")
	n, ok := number(id, 32)
	if !ok {
		return errors.New("malformed ssrc")
	}
	s := m.ssrc(uint32(n))
	if s == nil {
		if len(m.SSRCs) == maxSSRCs {
			return fmt.Errorf("more than %d ssrcs", maxSSRCs)
		}
		m.SSRCs = append(m.SSRCs, SSRC{ID: uint32(n)})
		s = &m.SSRCs[len(m.SSRCs)-1]
	}
	switch key, v, _ := strings.Cut(attribute, ":"); key {
	case "cname":
		s.CNAME = clipText(v)
	case "msid":
		s.MSID = clipText(v)
	}
	return nil
}

func (m *Media) ssrc(id uint32) *SSRC {
	for i := range m.SSRCs {
		if m.SSRCs[i].ID == id {
			return &m.SSRCs[i]
		}
	}
	return nil
}

func (m *Media) readGroup(value string) error {
	fields := strings.Fields(value)
	if len(fields) < 2 || len(fields) > 1+maxSSRCs {
		return errors.New("malformed ssrc-group")
	}
	if len(m.Groups) == maxGroups {
		return fmt.Errorf("more than %d ssrc groups", maxGroups)
	}
	g := Group{Semantics: clipText(fields[0])}
	for _, f := range fields[1:] {
		n, ok := number(f, 32)
		if !ok {
			return errors.New("malformed ssrc-group")
		}
		g.SSRCs = append(g.SSRCs, uint32(n))
	}
	m.Groups = append(m.Groups, g)
	return nil
}
