package sfu

import (
	"bytes"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
)

// A viewer of VP8 or VP9 that is moved to another track sees numbers of pictures that go on by one, for a decoder takes a
// jump for a loss; what is repeated later has the numbers that it had.
func TestDownTrack_NumbersOfPicturesGoOnAcrossTracks(t *testing.T) {
	for name, codecName := range map[string]string{"vp8": "VP8", "vp9": "VP9"} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(1)
			track := media.Track{ID: "v", Kind: media.Video, Codec: media.Codec{Name: codecName, ClockRate: 90000}}
			first, second := h.publish(track), h.publish(track)
			read := codec.NumberingOf(codecName)
			d, s := h.watch(first.up)
			play := func(p *publisher) []written {
				for _, k := range recorded(t, name) {
					h.pass(10 * time.Millisecond)
					p.bring(k)
				}
				return s.take()
			}
			// The second track has the same pictures with other numbers than where the first ends.
			before := play(first)
			original := recorded(t, name)
			for i, w := range before {
				if !bytes.Equal(w.payload, original[i].Payload) {
					t.Fatalf("packet %d of the first track was changed", i)
				}
			}
			d.Switch(second.up)
			h.turn()
			after := play(second)
			last, next := read(before[len(before)-1].payload), read(after[0].payload)
			if next.Number != (last.Number+1)&0x7fff {
				t.Errorf("picture %d follows on %d", next.Number, last.Number)
			}
			shift := next.Number - read(original[0].Payload).Number
			for i, w := range after {
				was, is := read(original[i].Payload), read(w.payload)
				if (is.Number-was.Number-shift)&0x7fff != 0 {
					t.Fatalf("packet %d: picture %d became %d", i, was.Number, is.Number)
				}
				if !bytes.Equal(w.payload[5:], original[i].Payload[5:]) {
					t.Fatalf("packet %d was changed behind its descriptor", i)
				}
			}
			h.pass(time.Second)
			d.Nack([]uint16{after[3].Seq}, h.time)
			h.turn()
			if again := s.take(); len(again) != 1 || !bytes.Equal(again[0].payload, after[3].payload) {
				t.Errorf("%d packets were repeated, not as they were", len(again))
			}
		})
	}
}
