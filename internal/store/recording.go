package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// recording is how live.Recording is kept. Names stay as they are once released: rows hold them.
type recording struct {
	Storage         string   `json:"storage"`
	MediaTypes      []string `json:"media_types"`
	ThumbnailMode   string   `json:"thumbnail_mode"`
	ThumbnailEvery  int64    `json:"thumbnail_every_ms"`
	ThumbnailStore  []string `json:"thumbnail_store"`
	ReconnectWindow int64    `json:"reconnect_window_ms"`
	SegmentTarget   int64    `json:"segment_target_ms"`
	RecordReplicas  bool     `json:"record_replicas"`
}

func encodeRecording(r live.Recording) (string, error) {
	data, err := json.Marshal(recording{
		Storage:         r.Storage,
		MediaTypes:      r.MediaTypes,
		ThumbnailMode:   r.ThumbnailMode,
		ThumbnailEvery:  r.ThumbnailEvery.Milliseconds(),
		ThumbnailStore:  r.ThumbnailStore,
		ReconnectWindow: r.ReconnectWindow.Milliseconds(),
		SegmentTarget:   r.SegmentTarget.Milliseconds(),
		RecordReplicas:  r.RecordReplicas,
	})
	if err != nil {
		return "", fmt.Errorf("write recording: %w", err)
	}
	return string(data), nil
}

func decodeRecording(text string) (live.Recording, error) {
	var r recording
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return live.Recording{}, err
	}
	return live.Recording{
		Storage:         r.Storage,
		MediaTypes:      r.MediaTypes,
		ThumbnailMode:   r.ThumbnailMode,
		ThumbnailEvery:  time.Duration(r.ThumbnailEvery) * time.Millisecond,
		ThumbnailStore:  r.ThumbnailStore,
		ReconnectWindow: time.Duration(r.ReconnectWindow) * time.Millisecond,
		SegmentTarget:   time.Duration(r.SegmentTarget) * time.Millisecond,
		RecordReplicas:  r.RecordReplicas,
	}, nil
}
