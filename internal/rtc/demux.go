package rtc

import (
	"slices"

	"github.com/proscenium-live/proscenium/internal/sdp"
)

// maxLayers is how many simulcast layers of a publisher are taken if Options name no other number.
const maxLayers = 3

// newRemotes returns the tracks of an accepted section: one, or one for each simulcast layer, in the offer's order.
func newRemotes(p *Peer, s *sdp.Section) []*remote {
	if len(s.Layers) == 0 {
		return []*remote{newRemote(p, s)}
	}
	ids := &p.rx.ids
	ids.rid = max(ids.rid, s.Extension(sdp.ExtRID))
	ids.repairedRID = max(ids.repairedRID, s.Extension(sdp.ExtRepairedRID))
	list := make([]*remote, 0, len(s.Layers))
	for _, rid := range s.Layers {
		r := newRemote(p, s)
		r.track.RID = rid
		r.track.ID += ":" + rid
		list = append(list, r)
	}
	return list
}

// stream returns what is known of an SSRC, nil if it is new.
func (in *incoming) stream(ssrc uint32) *received {
	for _, s := range in.streams {
		if s.ssrc == ssrc {
			return s
		}
	}
	return nil
}

// hears tells whether packets of a new SSRC are worth decrypting: of those that belong to no track only as many are
// remembered as a peer may use, and the rest costs nothing (security.md row 30).
func (in *incoming) hears(ssrc uint32) bool {
	return len(in.streams)+len(in.strangers) < maxStreams || slices.Contains(in.strangers, ssrc)
}

// newStream finds the track of an authenticated packet with a new SSRC: by its payload type, and by the rid that it
// or what it repeats has, if the track is one of several layers (RFC 8852). A sender repeats the rid until a report
// tells it that the SSRC is known, so a packet without one is no loss.
func (p *Peer) newStream(h *header) *received {
	in := &p.rx
	for _, r := range p.remotes {
		repeats := h.payloadType == r.rtxPayloadType && r.rtxPayloadType != 0
		switch {
		case repeats && r.is(h.repairedRID):
		case !repeats && (h.payloadType == r.payloadType || r.red.is(h.payloadType)) && r.is(h.rid):
			r.ssrc.Store(h.ssrc)
		default:
			continue
		}
		in.strangers = slices.DeleteFunc(in.strangers, func(ssrc uint32) bool { return ssrc == h.ssrc })
		s := &received{ssrc: h.ssrc, remote: r, repeats: repeats}
		in.streams = append(in.streams, s)
		return s
	}
	if !slices.Contains(in.strangers, h.ssrc) {
		in.strangers = append(in.strangers, h.ssrc)
	}
	return nil
}

// is says whether a packet with the rid may be the track's: a track that is no layer has no rid to go by.
func (r *remote) is(rid []byte) bool { return r.track.RID == "" || string(rid) == r.track.RID }
