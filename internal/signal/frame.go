package signal

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/roster"
)

// protocolVersion is the number of docs/signalling.md.
const protocolVersion = 1

// The types of frames.
const (
	typeState      = "STAGE_STATE"
	typeResumed    = "STAGE_RESUMED"
	typeUpdate     = "STAGE_UPDATE"
	typeJoinError  = "JOIN_ERROR"
	typeForced     = "FORCED_LEAVE"
	typePing       = "PING"
	typePong       = "PONG"
	typeError      = "ERROR"
	typeGetState   = "GET_STATE"
	typeMediaState = "SET_MEDIA_STATE"
	typeLeave      = "LEAVE"
	typeStats      = "STATS"

	typeExchange       = "EXCHANGE_TOKEN"
	typeExchanged      = "TOKEN_EXCHANGED"
	typeExchangeFailed = "EXCHANGE_FAILED"
)

type frame struct {
	Type    string `json:"type"`
	Payload any    `json:"payload,omitempty"`
}

type participant struct {
	ID           live.ParticipantID `json:"id"`
	UserID       string             `json:"userId"`
	Attributes   map[string]string  `json:"attributes"`
	IsPublishing bool               `json:"isPublishing"`
	AudioMuted   bool               `json:"audioMuted"`
	VideoStopped bool               `json:"videoStopped"`
	Tracks       []string           `json:"tracks"`
	Layers       []layer            `json:"layers,omitempty"`
	Protocol     string             `json:"protocol,omitempty"`
}

type state struct {
	Protocol               int                `json:"protocol"`
	StageID                live.StageID       `json:"stageId"`
	SessionID              live.SessionID     `json:"sessionId"`
	Version                uint64             `json:"version"`
	ParticipantID          live.ParticipantID `json:"participantId"`
	Resume                 string             `json:"resume"`
	Resumed                bool               `json:"resumed"`
	PingIntervalSeconds    float64            `json:"pingIntervalSeconds"`
	ReconnectWindowSeconds float64            `json:"reconnectWindowSeconds"`
	ICEServers             []ICEServer        `json:"iceServers,omitempty"`
	Participants           []participant      `json:"participants,omitempty"`
}

type update struct {
	StageID live.StageID `json:"stageId"`
	Version uint64       `json:"version"`
	Changes []change     `json:"changes"`
}

type change struct {
	Op          roster.Op   `json:"op"`
	Participant participant `json:"participant"`
}

type refusal struct {
	Code              string `json:"code"`
	Message           string `json:"message"`
	RetryAfterSeconds int    `json:"retryAfterSeconds,omitempty"`
}

type forcedLeave struct {
	Reason  live.LeaveReason `json:"reason"`
	Message string           `json:"message"`
}

// encode writes a frame. All frames are made of types that JSON can hold.
func encode(kind string, payload any) []byte {
	text, err := json.Marshal(frame{Type: kind, Payload: payload})
	if err != nil {
		panic("signal: a frame that can't be written: " + err.Error())
	}
	return text
}

func encodeState(kind string, w host.Welcome, o *Options) []byte {
	s := state{
		Protocol: protocolVersion, StageID: w.Stage, SessionID: w.Session, Version: w.State.Version,
		ParticipantID: w.State.Participant, Resume: w.State.Resume, Resumed: w.State.Resumed,
		PingIntervalSeconds: o.PingInterval.Seconds(), ReconnectWindowSeconds: w.ReconnectWindow.Seconds(),
		ICEServers: o.ICEServers(w.Stage, w.State.Participant),
	}
	for _, p := range w.State.Participants {
		s.Participants = append(s.Participants, person(p))
	}
	return encode(kind, s)
}

func encodeUpdate(a *host.Announcement) []byte {
	u := update{StageID: a.Stage, Version: a.Update.Version}
	for _, c := range a.Update.Changes {
		u.Changes = append(u.Changes, change{Op: c.Op, Participant: person(c.Participant)})
	}
	return encode(typeUpdate, u)
}

func person(p roster.Participant) participant {
	out := participant{
		ID: p.ID, UserID: p.UserID, Attributes: p.Attributes, IsPublishing: p.IsPublishing,
		AudioMuted: p.AudioMuted, VideoStopped: p.VideoStopped, Tracks: p.Tracks, Protocol: p.Protocol,
	}
	for _, l := range p.Layers {
		out.Layers = append(out.Layers, layer{RID: l.RID, Width: l.Width, Height: l.Height, Active: l.Active})
	}
	if out.Attributes == nil {
		out.Attributes = map[string]string{}
	}
	if out.Tracks == nil {
		out.Tracks = []string{}
	}
	return out
}

// request is a frame from a client.
type request struct {
	kind         string
	audioMuted   *bool // of SET_MEDIA_STATE; nil leaves it
	videoStopped *bool
	played       []host.Played // of STATS
	token        string        // of EXCHANGE_TOKEN
	wish         host.Wish     // of SET_SUBSCRIPTION
}

// readRequest reads a client's frame. It returns Invalid for what is no frame, and what it can't know with its type only.
func readRequest(data []byte) (request, error) {
	if !utf8.Valid(data) {
		return request{}, live.Errorf(live.Invalid, "the frame is not UTF-8")
	}
	var f struct {
		Type    *string         `json:"type"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(data, &f); err != nil || f.Type == nil {
		return request{}, live.Errorf(live.Invalid, "the frame is not a JSON object with a text called type")
	}
	r := request{kind: *f.Type}
	if r.kind == typeStats {
		played, err := readStats(f.Payload)
		if err != nil {
			return request{}, err
		}
		r.played = played
		return r, nil
	}
	if r.kind == typeExchange {
		token, err := readExchange(f.Payload)
		if err != nil {
			return request{}, err
		}
		r.token = token
		return r, nil
	}
	if r.kind == typeSetSubscription {
		wish, err := readWish(f.Payload)
		if err != nil {
			return request{}, err
		}
		r.wish = wish
		return r, nil
	}
	if r.kind != typeMediaState {
		return r, nil
	}
	var p *struct {
		AudioMuted   *bool `json:"audioMuted"`
		VideoStopped *bool `json:"videoStopped"`
	}
	if err := json.Unmarshal(f.Payload, &p); err != nil || p == nil {
		return request{}, live.Errorf(live.Invalid, "the payload of %s is not an object of booleans", typeMediaState)
	}
	r.audioMuted, r.videoStopped = p.AudioMuted, p.VideoStopped
	return r, nil
}
