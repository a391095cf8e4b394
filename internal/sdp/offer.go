package sdp

// Kind is the kind of a media section.
type Kind string

// The kinds of section.
const (
	Audio       Kind = "audio"
	Video       Kind = "video"
	Application Kind = "application" // data channels
)

// Direction says who sends on a section, seen by whoever wrote it.
type Direction string

// The directions.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Sends tells whether the direction's writer sends.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives tells whether the direction's writer receives.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Offer is what an SDP offer says, as far as the server uses it. Every list is bounded (see ParseOffer).
type Offer struct {
	ICE          Credentials
	Fingerprints []Fingerprint
	Setup        string // "actpass" or "active"
	ICEOptions   []string
	Bundle       []string // mids of the first BUNDLE group
	ExtMapMixed  bool
	Medias       []Media
}

// Credentials authenticate ICE connectivity checks (RFC 8839 section 5.4).
type Credentials struct {
	Ufrag string
	Pwd   string
}

// Fingerprint is a certificate's hash (RFC 8122).
type Fingerprint struct {
	Algorithm string // "sha-256", "sha-384" or "sha-512"
	Value     string // hex pairs in upper case, joined with colons
}

// Media is one section of an offer.
type Media struct {
	MID        string
	Kind       Kind
	Protocol   string // "UDP/TLS/RTP/SAVPF"
	Rejected   bool   // port 0 without bundle-only
	Direction  Direction
	Codecs     []Codec // in the offer's order of preference
	Extensions []Extension
	SSRCs      []SSRC
	Groups     []Group
	MSID       string // "stream track"
	RTCPMux    bool
	Simulcast  []string // the rids of the layers it would send, in its order; nil without simulcast
	RIDs       []RID
	Formats    []string // the m-line's formats as they were
}

// Codec is one payload type of a section.
type Codec struct {
	PayloadType uint8
	Name        string // as in the rtpmap: "H264", "opus", "rtx"
	ClockRate   uint32
	Channels    uint8 // 0 where the rtpmap names none
	FMTP        string
	Feedback    []string // "nack", "nack pli", "transport-cc", …
}

// Extension is one RTP header extension (RFC 8285).
type Extension struct {
	ID        uint8 // 1..14 for the one-byte form; larger ones are kept but never chosen
	Direction Direction
	URI       string
}

// SSRC is what an offer says of one source.
type SSRC struct {
	ID    uint32
	CNAME string
	MSID  string
}

// Group is an ssrc-group.
type Group struct {
	Semantics string // "FID", "SIM", …
	SSRCs     []uint32
}
