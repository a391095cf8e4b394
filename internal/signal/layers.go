package signal

import "github.com/proscenium-live/proscenium/internal/host"

// typeWanted is the frame that tells a publisher which layers anybody wants.
const typeWanted = "LAYERS_WANTED"

// layer is a simulcast layer of a publication.
type layer struct {
	RID    string `json:"rid"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Active bool   `json:"active"`
}

type wantedLayer struct {
	RID    string `json:"rid"`
	Wanted bool   `json:"wanted"`
}

type wanted struct {
	Layers []wantedLayer `json:"layers"`
}

func encodeWanted(list []host.WantedLayer) []byte {
	w := wanted{Layers: []wantedLayer{}}
	for _, l := range list {
		w.Layers = append(w.Layers, wantedLayer{RID: l.RID, Wanted: l.Wanted})
	}
	return encode(typeWanted, w)
}
