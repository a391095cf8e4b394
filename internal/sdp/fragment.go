package sdp

import (
	"strings"

	psdp "github.com/pion/sdp/v3"
)

// MaxFragment is the largest trickle-ice-sdpfrag in bytes.
const MaxFragment = 64 << 10

// Fragment is a trickle-ice-sdpfrag (RFC 8840 section 9, RFC 9725 section 4.3).
type Fragment struct {
	ICE             Credentials // zero when the fragment names none
	Candidates      int         // how many it holds; their addresses are of no use to an ICE-lite server
	EndOfCandidates bool
}

// ParseFragment reads a fragment within the same kind of caps as ParseOffer. It returns INVALID_OFFER (or
// BODY_TOO_LARGE) that names what is wrong.
func ParseFragment(raw []byte) (*Fragment, error) {
	if err := check(raw, MaxFragment); err != nil {
		return nil, err
	}
	f := &Fragment{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			return nil, refuse("the body is not an SDP fragment: line %q", clip(line))
		}
		if err := f.read(line); err != nil {
			return nil, err
		}
	}
	if f.ICE != (Credentials{}) {
		if err := f.ICE.check(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *Fragment) read(line string) error {
	key, value, _ := strings.Cut(line, ":")
	switch key {
	case "a=ice-ufrag":
		return once(&f.ICE.Ufrag, value)
	case "a=ice-pwd":
		return once(&f.ICE.Pwd, value)
	case "a=candidate":
		f.Candidates++
	case "a=end-of-candidates":
		f.EndOfCandidates = true
	}
	return nil
}

// once sets a value that sections may repeat but not change: there is one transport.
func once(to *string, value string) error {
	if *to != "" && *to != value {
		return refuse("the fragment names two sets of ICE credentials")
	}
	*to = value
	return nil
}

// FragmentAnswer is the fragment that answers an ICE restart: it carries the server's new credentials and
// its candidates.
func FragmentAnswer(mid string, ice Credentials, list []Candidate) []byte {
	var b strings.Builder
	b.WriteString("a=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n")
	if mid != "" {
		b.WriteString("a=mid:" + mid + "\r\n")
	}
	b.WriteString("a=ice-ufrag:" + ice.Ufrag + "\r\na=ice-pwd:" + ice.Pwd + "\r\n")
	for _, a := range candidates(list) {
		writeAttribute(&b, a)
	}
	return []byte(b.String())
}

func writeAttribute(b *strings.Builder, a psdp.Attribute) {
	b.WriteString("a=" + a.Key)
	if a.Value != "" {
		b.WriteString(":" + a.Value)
	}
	b.WriteString("\r\n")
}
