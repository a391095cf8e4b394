package host

import (
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

// LayerName is a layer's place among those of its publisher: CloudWatch's dimension SimulcastLayer.
type LayerName uint8

// The names. Of two layers there is a low and a hi one; of more than three, all between those are mid.
const (
	LowLayer LayerName = iota
	MidLayer
	HighLayer
	layerNames = iota
)

// LayerNames lists all of them.
func LayerNames() [layerNames]LayerName { return [...]LayerName{LowLayer, MidLayer, HighLayer} }

// String returns the name as CloudWatch has it.
func (n LayerName) String() string {
	return [...]string{LowLayer: "low", MidLayer: "mid", HighLayer: "hi"}[n]
}

// LayerQuality is what publishers send in the layer of one name.
type LayerQuality struct {
	Bitrate    Spread // bits per second
	Resolution Spread // the shorter edge, in pixels
}

// layers adds a publication's layers, the lowest first. One that sleeps is not sent.
func (q *Quality) layers(ups []*sfu.UpTrack, now media.Time) {
	for i, up := range ups {
		if up.Asleep() || !up.Alive(now) {
			continue
		}
		of := &q.Layers[nameOf(i, len(ups))]
		of.Bitrate.add(float64(up.Rate(now)))
		if w, h := up.Size(); w > 0 && h > 0 {
			of.Resolution.add(float64(min(w, h)))
		}
	}
}

func nameOf(i, n int) LayerName {
	switch i {
	case n - 1:
		return HighLayer
	case 0:
		return LowLayer
	}
	return MidLayer
}
