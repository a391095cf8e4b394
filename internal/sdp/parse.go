package sdp

// ParseOffer reads an SDP offer.
func ParseOffer(raw []byte) (*Offer, error) { panic("sdp: being written") }
