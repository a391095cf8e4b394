package host

import (
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

// frames counts the pictures of a publication with layers: in each stretch those of its fastest layer, as all layers
// show the same ones.
type frames struct {
	total uint64
	seen  map[*sfu.UpTrack]uint64
}

func (f *frames) count(layers []*sfu.UpTrack) uint64 {
	if f.seen == nil {
		f.seen = make(map[*sfu.UpTrack]uint64)
	}
	most := uint64(0)
	for _, up := range layers {
		n := up.Stats().Frames
		most = max(most, n-f.seen[up])
		f.seen[up] = n
	}
	f.total += most
	return f.total
}

// counted returns what a publication's track has counted, over all of its layers: their sum, with the frames of the
// fastest and the size of the one that is shown to whoever has no wish. source says whose counters these are. The caller
// holds sample.mu.
func (m *mediaSession) counted(kind media.Kind, s *sample) (source any, c sfu.UpStats, some bool) {
	up := m.up[kind].Load()
	if up == nil {
		return nil, c, false
	}
	if kind != media.Video || m.layers() == nil {
		return up, up.Stats(), true
	}
	for _, layer := range m.layers() {
		c.Add(layer.Stats())
	}
	c.Frames, c.Size = s.frames.count(m.layers()), up.Stats().Size
	return m, c, true
}
