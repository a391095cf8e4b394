package node

import (
	"net/http"
	"sort"
	"strconv"
	"time"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
)

// How many participants are told at once (docs/admin-api.md).
const (
	fewFigures  = 100
	mostFigures = 1000
)

// The shapes of docs/admin-api.md.
type (
	stageFigures struct {
		StageID      live.StageID         `json:"stageId"`
		SessionID    live.SessionID       `json:"sessionId"` // "" while no session is open
		Participants []participantFigures `json:"participants"`
		NextToken    string               `json:"nextToken,omitempty"`
	}
	participantFigures struct {
		ParticipantID live.ParticipantID `json:"participantId"`
		UserID        string             `json:"userId"`
		Attributes    map[string]string  `json:"attributes"`
		Publishing    bool               `json:"publishing"`
		AudioMuted    bool               `json:"audioMuted"`
		VideoStopped  bool               `json:"videoStopped"`
		Protocol      string             `json:"protocol,omitempty"`
		Layers        []layerFigures     `json:"layers,omitempty"` // of its picture, the lowest first; absent without
		Publication   *mediaFigures      `json:"publication,omitempty"`
		Subscriptions []mediaFigures     `json:"subscriptions"`
		Line          *lineFigures       `json:"line,omitempty"` // absent while nothing is known
	}
	layerFigures struct {
		RID    string `json:"rid"`
		Width  int    `json:"width"` // 0 while not known, as the height
		Height int    `json:"height"`
		Active bool   `json:"active"` // can be had
	}
	lineFigures struct {
		Estimate media.Bitrate `json:"estimate"` // 0 while it has shown no bound
		QueueMs  float64       `json:"queueMs"`
		Loss     float64       `json:"loss"`
		Probes   uint64        `json:"probes"`
		Cuts     uint64        `json:"cuts"`
	}
	mediaFigures struct {
		PublisherID live.ParticipantID `json:"publisherId,omitempty"`
		ConnectedAt string             `json:"connectedAt,omitempty"` // absent while not connected
		SampledAt   string             `json:"sampledAt,omitempty"`   // absent before the first sample
		Transport   string             `json:"transport,omitempty"`
		Bitrate     media.Bitrate      `json:"bitrate"` // of all tracks
		Tracks      []trackFigures     `json:"tracks"`
		Platform    string             `json:"platform"`
		Player      *playerFigures     `json:"player,omitempty"` // absent while the player has not told
		Layer       string             `json:"layer,omitempty"`  // of a subscription to a publisher with layers
		Paused      bool               `json:"paused,omitempty"` // no picture is sent
		Reason      string             `json:"reason,omitempty"` // why not the best: bandwidth, preference
	}
	playerFigures struct {
		ToldAt            string  `json:"toldAt"`
		FramesDecoded     uint64  `json:"framesDecoded"`
		FramesDropped     uint64  `json:"framesDropped"`
		DroppedFrameRatio float64 `json:"droppedFrameRatio"`
	}
	trackFigures struct {
		MediaType        string        `json:"mediaType"`
		Codec            string        `json:"codec,omitempty"`
		Bitrate          media.Bitrate `json:"bitrate"`
		PacketLoss       float64       `json:"packetLoss"`
		JitterMs         float64       `json:"jitterMs"`
		RoundTripMs      *float64      `json:"roundTripMs,omitempty"`
		Framerate        *float64      `json:"framerate,omitempty"`
		Width            uint16        `json:"width,omitempty"`
		Height           uint16        `json:"height,omitempty"`
		Packets          uint64        `json:"packets"`
		Bytes            uint64        `json:"bytes"`
		PacketsLost      uint64        `json:"packetsLost"`
		PacketsRecovered uint64        `json:"packetsRecovered"`
		PacketsRepeated  uint64        `json:"packetsRepeated"`
		Frames           *uint64       `json:"frames,omitempty"`
		KeyFrames        *uint64       `json:"keyFrames,omitempty"`
		NackCount        uint64        `json:"nackCount"`
		PliCount         *uint64       `json:"pliCount,omitempty"`
	}
)

// tellFigures lets operators ask how each participant of a stage fares: figures that would be too many for labels.
func (n *Node) tellFigures() {
	n.operators.Add(admin.Endpoint{
		Pattern: "GET " + admin.Path + "stages/{stageId}/participants", Action: "proscenium:GetStageParticipants",
		Resource: func(r *http.Request) string {
			return "arn:aws:ivs:" + n.config.Region + ":" + n.config.AccountID + ":stage/" + r.PathValue("stageId")
		},
		Serve: n.serveFigures,
	})
}

func (n *Node) serveFigures(w http.ResponseWriter, r *http.Request) error {
	stage, query := live.StageID(r.PathValue("stageId")), r.URL.Query()
	most := fewFigures
	if text := query.Get("maxResults"); text != "" {
		var err error
		if most, err = strconv.Atoi(text); err != nil || most < 1 || most > mostFigures {
			return live.Errorf(live.Invalid, "maxResults has to be a number from 1 to %d", mostFigures)
		}
	}
	session, all, _ := n.media.host.Figures(stage)
	out := stageFigures{StageID: stage, SessionID: session, Participants: []participantFigures{}}
	after := query.Get("nextToken") // the last one told: they are in the order of their ids
	begin := sort.Search(len(all), func(i int) bool { return string(all[i].ID) > after })
	for _, p := range all[begin:] {
		if only := query.Get("participantId"); only != "" && only != string(p.ID) {
			continue
		}
		if len(out.Participants) == most {
			out.NextToken = string(out.Participants[most-1].ParticipantID)
			break
		}
		out.Participants = append(out.Participants, tellParticipant(p))
	}
	admin.WriteJSON(w, http.StatusOK, out)
	return nil
}

func tellParticipant(p host.ParticipantFigures) participantFigures {
	out := participantFigures{
		ParticipantID: p.ID, UserID: p.UserID, Attributes: p.Attributes, Publishing: p.IsPublishing,
		AudioMuted: p.AudioMuted, VideoStopped: p.VideoStopped, Protocol: p.Protocol, Subscriptions: []mediaFigures{},
	}
	if out.Attributes == nil {
		out.Attributes = map[string]string{}
	}
	for _, l := range p.Layers {
		out.Layers = append(out.Layers, layerFigures(l))
	}
	if p.Publication != nil {
		m := tellMedia(*p.Publication)
		out.Publication = &m
	}
	for _, s := range p.Subscriptions {
		out.Subscriptions = append(out.Subscriptions, tellMedia(s))
	}
	if l := p.Line; l != nil {
		out.Line = &lineFigures{Estimate: l.Estimate, QueueMs: milliseconds(l.Queue), Loss: l.Loss, Probes: l.Probes, Cuts: l.Cuts}
	}
	return out
}

func tellMedia(m host.MediaFigures) mediaFigures {
	out := mediaFigures{
		PublisherID: m.Publisher, ConnectedAt: moment(m.Connected), SampledAt: moment(m.Sampled), Transport: m.Transport,
		Tracks: []trackFigures{}, Platform: m.Platform.String(),
		Layer: m.Sent.Layer, Paused: m.Sent.Paused, Reason: string(m.Sent.Reason),
	}
	if p := m.Player; p != nil {
		out.Player = &playerFigures{ToldAt: moment(p.At), FramesDecoded: p.Decoded, FramesDropped: p.Dropped, DroppedFrameRatio: p.DroppedRatio}
	}
	for _, t := range m.Tracks {
		out.Bitrate += t.Bitrate
		out.Tracks = append(out.Tracks, tellTrack(t))
	}
	return out
}

func tellTrack(t host.TrackFigures) trackFigures {
	out := trackFigures{
		MediaType: t.Kind.String(), Codec: t.Codec, Bitrate: t.Bitrate, PacketLoss: t.Loss, JitterMs: milliseconds(t.Jitter),
		Packets: t.Packets, Bytes: t.Bytes, PacketsLost: t.Lost, PacketsRecovered: t.Recovered, PacketsRepeated: t.Repeated,
		NackCount: t.Nacks,
	}
	if t.RTT > 0 {
		trip := milliseconds(t.RTT)
		out.RoundTripMs = &trip
	}
	if t.Kind == media.Video {
		out.Framerate, out.Width, out.Height = &t.FrameRate, t.Width, t.Height
		out.Frames, out.KeyFrames, out.PliCount = &t.Frames, &t.KeyFrames, &t.KeyRequests
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// moment writes a time as the API does, "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
