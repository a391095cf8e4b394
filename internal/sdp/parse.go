package sdp

import (
	"strconv"
	"strings"

	psdp "github.com/pion/sdp/v3"
)

// ParseOffer reads an SDP offer. Its cost is bounded: size, lines, sections, candidates, sources, payload
// types and extensions are capped before and while it is read. It returns a live.Error with the reason
// INVALID_OFFER (or BODY_TOO_LARGE) that names what is wrong. Candidates are counted against their cap and
// not kept: the server never sends to an address that did not authenticate itself first.
func ParseOffer(raw []byte) (*Offer, error) {
	if err := check(raw, MaxOffer); err != nil {
		return nil, err
	}
	var s psdp.SessionDescription
	if err := s.Unmarshal(raw); err != nil {
		return nil, refuse("the body is not an SDP offer: %s", clip(err.Error()))
	}
	if len(s.MediaDescriptions) == 0 {
		return nil, refuse("the offer has no media section")
	}
	session, err := readTransport(s.Attributes)
	if err != nil {
		return nil, err
	}
	o := &Offer{}
	for _, a := range s.Attributes {
		switch a.Key {
		case "group":
			if mids, ok := strings.CutPrefix(a.Value, "BUNDLE"); ok && o.Bundle == nil {
				o.Bundle = strings.Fields(mids)
			}
		case "extmap-allow-mixed":
			o.ExtMapMixed = true
		}
	}
	transports := make([]transport, 0, len(s.MediaDescriptions))
	for i, d := range s.MediaDescriptions {
		m, err := readMedia(d, s.Attributes)
		if err != nil {
			return nil, refuse("media section %d: %s", i, err.Error())
		}
		own, err := readTransport(d.Attributes)
		if err != nil {
			return nil, refuse("media section %d: %s", i, err.Error())
		}
		own.inherit(session)
		o.Medias = append(o.Medias, *m)
		transports = append(transports, own)
	}
	if err := o.checkUnique(); err != nil {
		return nil, err
	}
	return o, o.takeTransport(transports)
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > 120 {
		s = s[:120] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// transport is what a section, or the session for all, says of ICE and DTLS.
type transport struct {
	ice     Credentials
	prints  []Fingerprint
	setup   string
	options []string
}

func (t *transport) inherit(from transport) {
	if t.ice.Ufrag == "" {
		t.ice.Ufrag = from.ice.Ufrag
	}
	if t.ice.Pwd == "" {
		t.ice.Pwd = from.ice.Pwd
	}
	if len(t.prints) == 0 {
		t.prints = from.prints
	}
	if t.setup == "" {
		t.setup = from.setup
	}
	if len(t.options) == 0 {
		t.options = from.options
	}
}

func readTransport(attributes []psdp.Attribute) (transport, error) {
	var t transport
	for _, a := range attributes {
		switch a.Key {
		case "ice-ufrag":
			t.ice.Ufrag = a.Value
		case "ice-pwd":
			t.ice.Pwd = a.Value
		case "ice-options":
			t.options = strings.Fields(a.Value)
		case "setup":
			t.setup = a.Value
		case "fingerprint":
			if len(t.prints) == maxPrints {
				return t, refuse("more than %d fingerprints", maxPrints)
			}
			f, known, err := readFingerprint(a.Value)
			if err != nil {
				return t, err
			}
			if known {
				t.prints = append(t.prints, f)
			}
		}
	}
	return t, nil
}

// readFingerprint reads RFC 8122 section 5; unknown and weak algorithms are passed over.
func readFingerprint(value string) (f Fingerprint, known bool, err error) {
	algorithm, hex, ok := strings.Cut(value, " ")
	if !ok {
		return f, false, refuse("fingerprint without a value")
	}
	f = Fingerprint{Algorithm: strings.ToLower(algorithm), Value: strings.ToUpper(strings.TrimSpace(hex))}
	size := map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}[f.Algorithm]
	if size == 0 {
		return f, false, nil
	}
	if len(f.Value) != size*3-1 {
		return f, false, refuse("%s fingerprint of the wrong length", f.Algorithm)
	}
	for i := range len(f.Value) {
		if c := f.Value[i]; i%3 == 2 && c != ':' || i%3 != 2 && !isHex(c) {
			return f, false, refuse("%s fingerprint is not in hex", f.Algorithm)
		}
	}
	return f, true, nil
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

// takeTransport takes ICE and DTLS from the section the bundle is tagged with (RFC 9143 section 7.1), the
// first one otherwise.
func (o *Offer) takeTransport(transports []transport) error {
	at := 0
	if len(o.Bundle) > 0 {
		for i, m := range o.Medias {
			if m.MID == o.Bundle[0] {
				at = i
			}
		}
	}
	t := transports[at]
	o.ICE, o.Fingerprints, o.Setup, o.ICEOptions = t.ice, t.prints, t.setup, t.options
	if err := o.ICE.check(); err != nil {
		return err
	}
	if len(o.Fingerprints) == 0 {
		return refuse("no fingerprint with sha-256, sha-384 or sha-512")
	}
	switch o.Setup {
	case "":
		o.Setup = "actpass"
	case "actpass", "active":
	default:
		return refuse("a=setup:%s: the offerer must be able to be the DTLS client", clip(o.Setup))
	}
	return nil
}

// check applies RFC 8839 section 5.4: 4 to 256 and 22 to 256 ice-chars.
func (c Credentials) check() error {
	if len(c.Ufrag) < 4 || len(c.Ufrag) > 256 || !iceChars(c.Ufrag) {
		return refuse("a=ice-ufrag is missing or malformed")
	}
	if len(c.Pwd) < 22 || len(c.Pwd) > 256 || !iceChars(c.Pwd) {
		return refuse("a=ice-pwd is missing or malformed")
	}
	return nil
}

func iceChars(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '+' && c != '/' &&
			c != '-' && c != '_' && c != '=' { // the last three are not ice-chars, but clients send them
			return false
		}
	}
	return true
}

// checkUnique refuses what would make two sections claim the same packets.
func (o *Offer) checkUnique() error {
	mids := make(map[string]bool, len(o.Medias))
	ssrcs := make(map[uint32]bool)
	for _, m := range o.Medias {
		if m.MID != "" && mids[m.MID] {
			return refuse("two media sections have the mid %q", m.MID)
		}
		mids[m.MID] = true
		for _, s := range m.SSRCs {
			if ssrcs[s.ID] {
				return refuse("two media sections have the ssrc %d", s.ID)
			}
			ssrcs[s.ID] = true
		}
	}
	return nil
}

// number reads an unsigned number of at most the bits.
func number(s string, bits int) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, bits)
	return n, err == nil
}
