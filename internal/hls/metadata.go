package hls

import (
	"encoding/json"
	"time"
)

// Status is what became of a recording.
type Status string

// The statuses.
const (
	Started          Status = "RECORDING_STARTED"
	Ended            Status = "RECORDING_ENDED"
	StartFailed      Status = "RECORDING_START_FAILED"
	EndedWithFailure Status = "RECORDING_ENDED_WITH_FAILURE"
)

// File returns the key below the recording's prefix at which the metadata of the status is kept.
func (s Status) File() string {
	switch s {
	case Started:
		return "events/recording-started.json"
	case Ended:
		return "events/recording-ended.json"
	default:
		return "events/recording-failed.json"
	}
}

// Metadata is what the JSON files of an individual recording say.
type Metadata struct {
	StageARN      string
	SessionID     string
	ParticipantID string
	StartedAt     time.Time // not told of a recording that could not start
	EndedAt       time.Time // of the two statuses of an end
	Status        Status
	Message       string // of the two statuses of an end; "" leaves it out
	Duration      time.Duration
	Thumbnails    bool // one after the other
	Latest        bool // the latest thumbnail
}

// The JSON of media-features 1.5, in its order.
type (
	document struct {
		Version       string `json:"version"`
		StageARN      string `json:"stage_arn"`
		SessionID     string `json:"session_id"`
		ParticipantID string `json:"participant_id"`
		StartedAt     string `json:"recording_started_at,omitempty"`
		EndedAt       string `json:"recording_ended_at,omitempty"`
		Status        Status `json:"recording_status"`
		Message       string `json:"recording_status_message,omitempty"`
		Media         media  `json:"media"`
	}
	media struct {
		HLS        hlsMedia    `json:"hls"`
		Thumbnails *thumbnails `json:"thumbnails,omitempty"`
		Latest     *thumbnails `json:"latest_thumbnail,omitempty"`
	}
	hlsMedia struct {
		Duration   *int64      `json:"duration_ms,omitempty"`
		Path       string      `json:"path"`
		Playlist   string      `json:"playlist"`
		Renditions []rendition `json:"renditions"`
	}
	thumbnails struct {
		Path       string      `json:"path"`
		Renditions []rendition `json:"renditions"`
	}
	rendition struct {
		Path     string `json:"path"`
		Playlist string `json:"playlist,omitempty"`
	}
)

// Marshal writes the metadata as JSON.
func (m *Metadata) Marshal() []byte {
	d := document{
		Version: "v1", StageARN: m.StageARN, SessionID: m.SessionID, ParticipantID: m.ParticipantID, Status: m.Status,
		Media: media{HLS: hlsMedia{Path: Folder, Playlist: MultivariantURI, Renditions: []rendition{{Rendition, PlaylistURI}}}},
	}
	if m.Status != StartFailed {
		d.StartedAt = m.StartedAt.UTC().Format(time.RFC3339)
	}
	if m.Status == Ended || m.Status == EndedWithFailure {
		d.EndedAt, d.Message = m.EndedAt.UTC().Format(time.RFC3339), m.Message
		ms := m.Duration.Milliseconds()
		d.Media.HLS.Duration = &ms
	}
	if m.Thumbnails {
		d.Media.Thumbnails = &thumbnails{Path: ThumbnailFolder, Renditions: []rendition{{Path: Rendition}}}
	}
	if m.Latest {
		d.Media.Latest = &thumbnails{Path: LatestFolder, Renditions: []rendition{{Path: Rendition}}}
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		panic("hls: metadata that can't be written: " + err.Error())
	}
	return append(text, '\n')
}

// Where thumbnails are, below the recording's prefix.
const (
	ThumbnailFolder = "media/thumbnails"
	LatestFolder    = "media/latest_thumbnail"
	LatestURI       = "thumb.jpg"
)
