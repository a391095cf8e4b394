// Package media names what flows: packets, the sources they come from and the sinks they go to.
//
// It is the seam between the engines: rtc makes peers into Sources and Sinks, sfu forwards from one to the
// other, and neither imports the other; host wires them. Recorders, relays and ingests join at the same seam.
//
// The package starts no goroutine and parses nothing.
package media

import "time"

// MaxPacket is the largest RTP packet, in bytes and before encryption, that the server takes in or sends out.
const MaxPacket = 1460

// Time is a moment on the process's monotonic clock. The hot path gets it as an argument and never asks a clock.
type Time = time.Duration

// Kind tells sound from picture.
type Kind uint8

// The kinds of track.
const (
	Audio Kind = iota + 1
	Video
)

// String returns "audio" or "video".
func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "unknown"
}

// Codec says how a track is encoded.
type Codec struct {
	Name      string // as in an rtpmap: "H264", "opus"
	ClockRate uint32 // Hz
	Channels  uint8  // 0 for video
	FMTP      string // as in the publisher's offer
	// RED is not 0 for sound that comes as redundant blocks (RFC 2198): the payload type of the blocks. All packets
	// of the track are made of such blocks then.
	RED uint8
}

// Track describes one RTP stream of a publisher: one medium, or one simulcast layer of it.
type Track struct {
	ID    string // unique in its peer
	Kind  Kind
	Codec Codec
	RID   string // "" without simulcast
}

// Bitrate is in bits per second.
type Bitrate int64

// Packet is one RTP packet inside the server: decrypted, its header read, retransmissions unwrapped to the
// packet they repeat, padding taken off. Payload aliases the buffer it arrived in and is valid only during
// the call that hands it over.
type Packet struct {
	Seq       uint16
	Timestamp uint32
	Marker    bool
	Repeat    bool  // arrived as a retransmission
	Level     uint8 // RFC 6464 loudness, 0 (loud) to 127 (silence)
	HasLevel  bool
	Payload   []byte // empty for a padding-only packet (a bandwidth probe)
	Arrival   Time
}

// SenderReport ties a track's RTP clock to its sender's wall clock (RFC 3550 section 6.4.1).
type SenderReport struct {
	NTP     uint64
	RTP     uint32
	Arrival Time
}

// Source is a track coming in: what its receiver may ask of it. Methods may be called from any goroutine and
// do not block.
type Source interface {
	Track() Track
	// RequestKeyFrame asks the sender for a key frame (PLI). The caller throttles.
	RequestKeyFrame()
	// RequestPackets asks the sender to repeat packets (generic NACK).
	RequestPackets(seqs []uint16)
}

// Receiver takes what a Source brings. Calls come from one goroutine at a time and must neither block nor allocate.
type Receiver interface {
	// Receive takes a packet, in the order of arrival.
	Receive(p *Packet)
	// ReceiveReport takes a sender report.
	ReceiveReport(r SenderReport)
	// Flush says that no further packet is at hand for now: what was received may be spread.
	Flush(now Time)
}

// Header is what a forwarder decides of an outgoing packet; the Sink adds SSRC, payload type and extensions.
type Header struct {
	Seq       uint16
	Timestamp uint32
	Marker    bool
	Repeat    bool // send it on the retransmission stream (RFC 4588) if there is one
	Level     uint8
	HasLevel  bool
	RED       uint8 // as in the Codec of the track that the packet is from
}

// Report is a receiver's word on one outgoing track (RFC 3550 section 6.4.1).
type Report struct {
	FractionLost float64       // since the last report, 0..1
	TotalLost    int64         // packets
	Jitter       time.Duration // of arrival
	RTT          time.Duration // 0 when not known yet
}

// Feedback takes what the receiver at the far end of a Sink says. Calls come from the goroutine that reads the
// peer's packets and must neither block nor allocate.
type Feedback interface {
	// Nack asks for packets again, by the outgoing sequence numbers.
	Nack(seqs []uint16, now Time)
	// WantKeyFrame says that the receiver can't go on without a key frame (PLI or FIR).
	WantKeyFrame(now Time)
	// Report tells loss, jitter and round trip.
	Report(r Report, now Time)
}
