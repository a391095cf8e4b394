package sdp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The header extensions that name a simulcast layer (RFC 8852): of a packet, and of the packet that a retransmission
// repeats.
const (
	ExtRID         = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	ExtRepairedRID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
)

// MaxRID is the longest rid in bytes: what a header extension of the one-byte form can carry (RFC 8285 section 4.2).
const MaxRID = 16

// RID is one restriction identifier (RFC 8851) of a section.
type RID struct {
	ID           string
	Send         bool
	PayloadTypes []uint8 // nil for all
}

// ValidRID tells whether s is a rid (RFC 8851 section 10, as RFC 8852 section 3.1 narrows it down) of at most
// MaxRID bytes.
func ValidRID(s string) bool {
	if s == "" || len(s) > MaxRID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// readRID reads "h send pt=96,97;max-width=1280" (RFC 8851 section 10). Restrictions other than the payload types are
// the sender's own business.
func (m *Media) readRID(value string) error {
	fields := strings.Fields(value)
	if len(fields) < 2 || !ValidRID(fields[0]) {
		return errors.New("malformed rid")
	}
	if len(m.RIDs) == maxRIDs {
		return fmt.Errorf("more than %d rids", maxRIDs)
	}
	r := RID{ID: fields[0], Send: fields[1] == "send"}
	if m.rid(r.ID) != nil {
		return fmt.Errorf("rid %q twice", r.ID)
	}
	if len(fields) > 2 {
		for n := range strings.SplitSeq(Parameter(fields[2], "pt"), ",") {
			if pt, ok := number(n, 7); ok && len(r.PayloadTypes) < maxCodecs {
				r.PayloadTypes = append(r.PayloadTypes, uint8(pt))
			}
		}
	}
	m.RIDs = append(m.RIDs, r)
	return nil
}

func (m *Media) rid(id string) *RID {
	for i := range m.RIDs {
		if m.RIDs[i].ID == id {
			return &m.RIDs[i]
		}
	}
	return nil
}

// readSimulcast reads "send l,l2;~m;h recv x" (RFC 8853 section 5.1). Of alternatives the first is taken: the sender
// likes it best. That a layer begins paused makes no difference here.
func (m *Media) readSimulcast(value string) error {
	if m.Simulcast != nil {
		return errors.New("two simulcast attributes")
	}
	fields := strings.Fields(value)
	if len(fields) != 2 && len(fields) != 4 {
		return errors.New("malformed simulcast")
	}
	m.Simulcast = []string{}
	for i := 0; i < len(fields); i += 2 {
		layers, err := readLayers(fields[i+1])
		if err != nil {
			return err
		}
		switch fields[i] {
		case "send":
			m.Simulcast = layers
		case "recv":
		default:
			return errors.New("malformed simulcast")
		}
	}
	return nil
}

func readLayers(list string) ([]string, error) {
	var layers []string
	for alternatives := range strings.SplitSeq(strings.TrimSuffix(list, ";"), ";") {
		first, _, _ := strings.Cut(alternatives, ",")
		id := strings.TrimPrefix(first, "~")
		if !ValidRID(id) {
			return nil, errors.New("malformed rid in simulcast")
		}
		if slices.Contains(layers, id) {
			return nil, fmt.Errorf("rid %q twice in simulcast", id)
		}
		if len(layers) == maxRIDs {
			return nil, fmt.Errorf("more than %d simulcast layers", maxRIDs)
		}
		layers = append(layers, id)
	}
	return layers, nil
}

// chooseLayers takes the layers that are offered for the chosen codec, in the offer's order. Without the extension
// that names a packet's layer there is nothing to tell them apart by.
func (s *Section) chooseLayers() {
	if s.Direction != RecvOnly || s.Extension(ExtRID) == 0 {
		return
	}
	for _, id := range s.Offered.Simulcast {
		r := s.Offered.rid(id)
		if r == nil || !r.Send || r.PayloadTypes != nil && !slices.Contains(r.PayloadTypes, s.Codec.PayloadType) {
			continue
		}
		s.Layers = append(s.Layers, id)
	}
}

// layerAttributes answers the layers (RFC 8853 section 5.3.1): what the section does not name is not to be sent.
func (s *Section) layerAttributes(set func(key, value string)) {
	if len(s.Layers) == 0 {
		return
	}
	for _, id := range s.Layers {
		set("rid", id+" recv")
	}
	set("simulcast", "recv "+strings.Join(s.Layers, ";"))
}
