package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Track describes a track that is received.
type Track struct {
	Kind      string // "audio" or "video"
	MimeType  string // "video/H264", "audio/opus"
	ClockRate uint32 // Hz
	SSRC      uint32
}

// SubscribeOptions adjust a subscription.
type SubscribeOptions struct {
	// OnPacket takes each RTP packet in the order of arrival; repeated ones come late. Calls for one track come
	// one after another, those for the other track at the same time. The packet is valid during the call.
	OnPacket func(Track, *rtp.Packet)
	// OnReport takes the sender reports, under the same rules as OnPacket.
	OnReport func(Track, *rtcp.SenderReport)
	// AudioOnly leaves the picture out.
	AudioOnly bool
}

// Subscription is what a participant receives of another.
type Subscription struct{ session *mediaSession }

// Subscribe asks for the media of another participant and returns when the transport is connected. It returns
// a *MediaError if the server refuses, with code PUBLISHER_NOT_FOUND if nobody of that id publishes.
func (p *Participant) Subscribe(ctx context.Context, participant string, o SubscribeOptions) (*Subscription, error) {
	if strings.ContainsAny(participant, "/?#") || participant == "" {
		return nil, fmt.Errorf("subscribe: %q is no participant id", participant)
	}
	base, err := url.Parse(p.o.WHIPURL)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	s, err := p.startMedia(ctx, base.JoinPath("subscribe", participant).String(), func(pc *webrtc.PeerConnection) error {
		return p.receive(pc, o)
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", participant, err)
	}
	return &Subscription{session: s}, nil
}

func (p *Participant) receive(pc *webrtc.PeerConnection, o SubscribeOptions) error {
	kinds := []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo}
	if o.AudioOnly {
		kinds = kinds[:1]
	}
	for _, k := range kinds {
		_, err := pc.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			return fmt.Errorf("add %s: %w", k, err)
		}
	}
	// pion calls this in a goroutine of its own, which ends with the connection.
	pc.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		t := Track{
			Kind: remote.Kind().String(), MimeType: remote.Codec().MimeType,
			ClockRate: remote.Codec().ClockRate, SSRC: uint32(remote.SSRC()),
		}
		go readReports(receiver, t, o.OnReport)
		readPackets(remote, t, o.OnPacket)
	})
	return nil
}

func readPackets(remote *webrtc.TrackRemote, t Track, take func(Track, *rtp.Packet)) {
	buf := make([]byte, 1600)
	var packet rtp.Packet
	for {
		n, _, err := remote.Read(buf)
		if err != nil {
			return
		}
		packet = rtp.Packet{}
		if packet.Unmarshal(buf[:n]) == nil && take != nil {
			take(t, &packet)
		}
	}
}

func readReports(receiver *webrtc.RTPReceiver, t Track, take func(Track, *rtcp.SenderReport)) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && take != nil && sr.SSRC == t.SSRC {
				take(t, sr)
			}
		}
	}
}

// RequestKeyFrame asks for a key frame of the video (PLI).
func (s *Subscription) RequestKeyFrame() error {
	pc := s.session.peer()
	if pc == nil {
		return errors.New("subscription is over or reconnecting")
	}
	for _, r := range pc.GetReceivers() {
		if t := r.Track(); t != nil && t.Kind() == webrtc.RTPCodecTypeVideo {
			return pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
		}
	}
	return errors.New("subscription has no video")
}

// Done is closed when the subscription is over.
func (s *Subscription) Done() <-chan struct{} { return s.session.done.Done() }

// Err returns nil while the subscription lasts, then why it ended.
func (s *Subscription) Err() error { return context.Cause(s.session.done) }

// Restart changes the ICE credentials and candidates of the session, as after a change of network.
func (s *Subscription) Restart(ctx context.Context) error { return s.session.restart(ctx) }

// Stats returns pion's statistics of the peer connection.
func (s *Subscription) Stats() webrtc.StatsReport { return s.session.stats() }

// Unsubscribe ends the subscription.
func (s *Subscription) Unsubscribe(ctx context.Context) error { return s.session.stop(ctx) }
