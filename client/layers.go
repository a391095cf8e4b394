package client

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Layer is one simulcast layer of a publisher's picture.
type Layer struct {
	RID    string `json:"rid"`
	Width  int    `json:"width"` // 0 while the server does not know
	Height int    `json:"height"`
	Active bool   `json:"active"` // can be had
}

// NewH264Layer returns one layer of a video track to publish in several qualities (simulcast), which takes RTP packets
// like NewH264Track. The layers of one track have the same id and different rids, of up to 16 letters and digits.
func NewH264Layer(id, rid string) (*webrtc.TrackLocalStaticRTP, error) {
	return webrtc.NewTrackLocalStaticRTP(h264, id, "proscenium", webrtc.WithRTPStreamID(rid))
}

// NewH264LayerSamples is NewH264Layer for access units (Annex B) with their durations.
func NewH264LayerSamples(id, rid string) (*webrtc.TrackLocalStaticSample, error) {
	return webrtc.NewTrackLocalStaticSample(h264, id, "proscenium", webrtc.WithRTPStreamID(rid))
}

// layersPayload is LAYERS_WANTED.
type layersPayload struct {
	Layers []struct {
		RID    string `json:"rid"`
		Wanted bool   `json:"wanted"`
	} `json:"layers"`
}

// layersWanted passes the server's word on to the publication.
func (p *Participant) layersWanted(v *layersPayload) {
	p.mu.Lock()
	pub := p.publication
	p.mu.Unlock()
	if pub != nil {
		pub.want(v)
	}
}

// want takes over which layers anybody wants. One that is wanted again begins with a key frame.
func (p *Publication) want(v *layersPayload) {
	p.mu.Lock()
	var again []string
	unwanted := make(map[string]bool)
	told := make(map[string]bool)
	for _, l := range v.Layers {
		told[l.RID] = l.Wanted
		if !l.Wanted {
			unwanted[l.RID] = true
		} else if p.unwanted[l.RID] {
			again = append(again, l.RID)
		}
	}
	changed := !maps.Equal(unwanted, p.unwanted)
	p.unwanted = unwanted
	p.mu.Unlock()
	if changed && p.o.OnLayersWanted != nil {
		p.o.OnLayersWanted(told)
	}
	for _, rid := range again {
		p.o.keyFrame(rid)
	}
}

// Wanted says whether anybody watches a layer, as far as the server has told. Packets of one that nobody watches need
// not be written.
func (p *Publication) Wanted(rid string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.unwanted[rid]
}

func (o *PublishOptions) keyFrame(rid string) {
	switch {
	case o.OnLayerKeyFrame != nil && rid != "":
		o.OnLayerKeyFrame(rid)
	case o.OnKeyFrame != nil:
		o.OnKeyFrame()
	}
}

// byMedium gathers the layers of a track.
func byMedium(tracks []webrtc.TrackLocal) [][]webrtc.TrackLocal {
	var list [][]webrtc.TrackLocal
	for _, t := range tracks {
		last := len(list) - 1
		if t.RID() != "" && last >= 0 && list[last][0].RID() != "" && list[last][0].ID() == t.ID() {
			list[last] = append(list[last], t)
			continue
		}
		list = append(list, []webrtc.TrackLocal{t})
	}
	return list
}

// addTracks adds a medium's track, or all of its layers.
func (p *Publication) addTracks(pc *webrtc.PeerConnection, layers []webrtc.TrackLocal) error {
	tr, err := pc.AddTransceiverFromTrack(layers[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return fmt.Errorf("add track %s: %w", layers[0].ID(), err)
	}
	sender := tr.Sender()
	for _, t := range layers[1:] {
		if err := sender.AddEncoding(t); err != nil {
			return fmt.Errorf("add layer %s: %w", t.RID(), err)
		}
	}
	for _, t := range layers {
		p.p.sessions.Go(func() { readFeedback(sender, t.RID(), &p.o) })
	}
	return nil
}

// readFeedback drains a sender's RTCP, without which pion's interceptors do not work, until it is closed.
func readFeedback(sender *webrtc.RTPSender, rid string, o *PublishOptions) {
	for {
		var packets []rtcp.Packet
		var err error
		if rid == "" {
			packets, _, err = sender.ReadRTCP()
		} else {
			packets, _, err = sender.ReadSimulcastRTCP(rid)
		}
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				o.keyFrame(rid)
			}
		}
	}
}

// ridStamper writes the rid of its layer, or of the layer that it repeats, into each packet (RFC 8852): pion leaves that
// to others. It makes one interceptor, for one peer connection.
type ridStamper struct {
	interceptor.NoOp
	pc atomic.Pointer[webrtc.PeerConnection]

	mu   sync.Mutex
	rids map[uint32]stamp
}

type stamp struct {
	rid     string
	repairs bool
}

// NewInterceptor returns the stamper itself.
func (s *ridStamper) NewInterceptor(string) (interceptor.Interceptor, error) {
	if s.rids != nil {
		return nil, errors.New("a second peer connection")
	}
	s.rids = make(map[uint32]stamp)
	return s, nil
}

// BindLocalStream stamps the packets of a video stream.
func (s *ridStamper) BindLocalStream(info *interceptor.StreamInfo, next interceptor.RTPWriter) interceptor.RTPWriter {
	var own, repaired uint8
	for _, e := range info.RTPHeaderExtensions {
		switch e.URI {
		case sdp.SDESRTPStreamIDURI:
			own = uint8(e.ID)
		case sdp.SDESRepairRTPStreamIDURI:
			repaired = uint8(e.ID)
		}
	}
	if own == 0 || !strings.HasPrefix(strings.ToLower(info.MimeType), "video/") {
		return next
	}
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		st := s.stampOf(h.SSRC)
		id := own
		if st.repairs {
			id = repaired
		}
		if st.rid == "" || id == 0 {
			return next.Write(h, payload, a)
		}
		stamped := h.Clone()
		if err := stamped.SetExtension(id, []byte(st.rid)); err != nil {
			return 0, fmt.Errorf("write rid: %w", err)
		}
		return next.Write(&stamped, payload, a)
	})
}

func (s *ridStamper) stampOf(ssrc uint32) stamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, known := s.rids[ssrc]
	pc := s.pc.Load()
	if known || pc == nil {
		return st
	}
	for _, sender := range pc.GetSenders() {
		for _, e := range sender.GetParameters().Encodings {
			s.rids[uint32(e.SSRC)] = stamp{rid: e.RID}
			s.rids[uint32(e.RTX.SSRC)] = stamp{rid: e.RID, repairs: true}
		}
	}
	return s.rids[ssrc]
}
