package rtc

import (
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/sdp"
)

// codecOf returns the codec of the first track of the kind, nil if there is none.
func codecOf(tracks []media.Track, kind media.Kind) *media.Codec {
	for i := range tracks {
		if tracks[i].Kind == kind {
			return &tracks[i].Codec
		}
	}
	return nil
}

// Plays says whether what was negotiated holds for a track of the codec. Sound always does: it is Opus.
func (l *Local) Plays(c media.Codec) bool {
	return l.kind != media.Video || l.shows == nil || sdp.Alike(l.shows.Name, l.shows.FMTP, c.Name, c.FMTP)
}
