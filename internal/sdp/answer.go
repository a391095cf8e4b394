package sdp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	psdp "github.com/pion/sdp/v3"
)

// Candidate is an address the answerer can be reached at. Both kinds are host candidates.
type Candidate struct {
	Addr netip.AddrPort
	TCP  bool // passive (RFC 6544)
}

// Answer is everything an answer says.
type Answer struct {
	Offer       *Offer
	Sections    []Section // one per section of the offer, in its order
	ICE         Credentials
	Fingerprint Fingerprint
	Candidates  []Candidate
	SessionID   uint64
	// StartBitrate, in kbit/s, is where a browser's estimate of a video section it sends begins; 0 leaves it
	// to the browser, which takes about ten seconds to reach 720p.
	StartBitrate int
}

// Marshal returns the answer: ICE-lite, DTLS-passive, bundled, the candidates complete and in the first
// accepted section only.
func (a *Answer) Marshal() ([]byte, error) {
	s := &psdp.SessionDescription{
		Origin: psdp.Origin{
			Username: "-", SessionID: a.SessionID, SessionVersion: 1,
			NetworkType: "IN", AddressType: "IP4", UnicastAddress: "127.0.0.1",
		},
		SessionName:      "-",
		TimeDescriptions: []psdp.TimeDescription{{}},
	}
	if mids := a.bundle(); mids != "" {
		s.Attributes = append(s.Attributes, psdp.NewAttribute("group", "BUNDLE"+mids))
	}
	if a.Offer.ExtMapMixed {
		s.Attributes = append(s.Attributes, psdp.NewPropertyAttribute("extmap-allow-mixed"))
	}
	s.Attributes = append(s.Attributes,
		psdp.NewPropertyAttribute("ice-lite"), psdp.NewAttribute("msid-semantic", " WMS *"))
	first := true
	for i := range a.Sections {
		section := &a.Sections[i]
		if !section.Accepted {
			s.MediaDescriptions = append(s.MediaDescriptions, section.rejection())
			continue
		}
		d := a.describe(section)
		if first {
			d.Attributes = append(d.Attributes, candidates(a.Candidates)...)
			first = false
		}
		s.MediaDescriptions = append(s.MediaDescriptions, d)
	}
	raw, err := s.Marshal()
	if err != nil {
		return nil, fmt.Errorf("marshal answer: %w", err)
	}
	return raw, nil
}

// bundle lists the mids of accepted sections, each after a blank.
func (a *Answer) bundle() string {
	if len(a.Offer.Bundle) == 0 {
		return ""
	}
	var b strings.Builder
	for i := range a.Sections {
		if s := &a.Sections[i]; s.Accepted {
			b.WriteString(" " + s.Offered.MID)
		}
	}
	return b.String()
}

func anyAddress() *psdp.ConnectionInformation {
	return &psdp.ConnectionInformation{
		NetworkType: "IN", AddressType: "IP4", Address: &psdp.Address{Address: "0.0.0.0"},
	}
}

// rejection repeats the m-line with port 0 (RFC 3264 section 6), and what its formats are: some clients look each of
// them up although the section is void.
func (s *Section) rejection() *psdp.MediaDescription {
	m := s.Offered
	d := &psdp.MediaDescription{
		MediaName:             psdp.MediaName{Media: string(m.Kind), Protos: strings.Split(m.Protocol, "/"), Formats: m.Formats},
		ConnectionInformation: anyAddress(),
	}
	if m.MID != "" {
		d.Attributes = append(d.Attributes, psdp.NewAttribute("mid", m.MID))
	}
	d.Attributes = append(d.Attributes, psdp.NewPropertyAttribute("inactive"))
	for i := range m.Codecs {
		d.Attributes = append(d.Attributes, m.Codecs[i].rtpmap())
	}
	return d
}

func (a *Answer) describe(s *Section) *psdp.MediaDescription {
	m := s.Offered
	d := &psdp.MediaDescription{
		MediaName: psdp.MediaName{
			Media: string(m.Kind), Protos: strings.Split(m.Protocol, "/"),
			Port: psdp.RangedPort{Value: 9},
		},
		ConnectionInformation: anyAddress(),
	}
	set := func(key, value string) { d.Attributes = append(d.Attributes, psdp.NewAttribute(key, value)) }
	flag := func(key string) { d.Attributes = append(d.Attributes, psdp.NewPropertyAttribute(key)) }
	if m.MID != "" {
		set("mid", m.MID)
	}
	set("ice-ufrag", a.ICE.Ufrag)
	set("ice-pwd", a.ICE.Pwd)
	set("fingerprint", a.Fingerprint.Algorithm+" "+a.Fingerprint.Value)
	set("setup", "passive")
	flag(string(s.Direction))
	flag("rtcp-mux")
	flag("rtcp-rsize")
	for _, e := range s.Extensions {
		set("extmap", strconv.Itoa(int(e.ID))+" "+e.URI)
	}
	a.describeCodecs(d, s)
	s.layerAttributes(set)
	if s.Direction == SendOnly {
		s.describeSource(d)
	}
	return d
}

func (a *Answer) describeCodecs(d *psdp.MediaDescription, s *Section) {
	c := s.Codec
	if a.StartBitrate > 0 && s.Offered.Kind == Video && s.Direction == RecvOnly {
		c.FMTP = strings.TrimPrefix(c.FMTP+";x-google-start-bitrate="+strconv.Itoa(a.StartBitrate), ";")
	}
	var codecs []Codec
	if s.RED != nil {
		codecs = append(codecs, *s.RED) // first: that is what a browser sends
	}
	codecs = append(codecs, c)
	if s.RTX != nil {
		codecs = append(codecs, *s.RTX)
	}
	for _, c := range codecs {
		pt := strconv.Itoa(int(c.PayloadType))
		d.MediaName.Formats = append(d.MediaName.Formats, pt)
		d.Attributes = append(d.Attributes, c.rtpmap())
		if c.FMTP != "" {
			d.Attributes = append(d.Attributes, psdp.NewAttribute("fmtp", pt+" "+c.FMTP))
		}
		for _, f := range c.Feedback {
			d.Attributes = append(d.Attributes, psdp.NewAttribute("rtcp-fb", pt+" "+f))
		}
	}
}

// rtpmap is the codec's attribute (RFC 8866 section 6.6).
func (c *Codec) rtpmap() psdp.Attribute {
	value := strconv.Itoa(int(c.PayloadType)) + " " + c.Name + "/" + strconv.Itoa(int(c.ClockRate))
	if c.Channels > 0 {
		value += "/" + strconv.Itoa(int(c.Channels))
	}
	return psdp.NewAttribute("rtpmap", value)
}

func (s *Section) describeSource(d *psdp.MediaDescription) {
	msid := s.Stream + " " + s.Track
	set := func(key, value string) { d.Attributes = append(d.Attributes, psdp.NewAttribute(key, value)) }
	set("msid", msid)
	ssrcs := []uint32{s.SSRC}
	if s.RTX != nil && s.RTXSSRC != 0 {
		set("ssrc-group", fmt.Sprintf("FID %d %d", s.SSRC, s.RTXSSRC))
		ssrcs = append(ssrcs, s.RTXSSRC)
	}
	for _, ssrc := range ssrcs {
		set("ssrc", fmt.Sprintf("%d cname:%s", ssrc, s.CNAME))
		set("ssrc", fmt.Sprintf("%d msid:%s", ssrc, msid))
	}
}

// candidates writes them in order of preference, UDP before TCP (RFC 8445 section 5.1.2, RFC 6544 section 4.2).
func candidates(list []Candidate) []psdp.Attribute {
	out := make([]psdp.Attribute, 0, len(list)+1)
	for i, c := range list {
		preference := uint32(65535 - i)
		kind, tail := "udp", ""
		typ := uint32(126)
		if c.TCP {
			kind, tail = "tcp", " tcptype passive"
			typ = 90
		}
		out = append(out, psdp.NewAttribute("candidate", fmt.Sprintf("%d 1 %s %d %s %d typ host%s",
			i+1, kind, typ<<24|preference<<8|255, c.Addr.Addr(), c.Addr.Port(), tail)))
	}
	return append(out, psdp.NewPropertyAttribute("end-of-candidates"))
}
