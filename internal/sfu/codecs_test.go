package sfu

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
)

// recorded returns what a real encoder and payloader made (internal/media/codec, recorded_test.go).
func recorded(t *testing.T, name string) []*media.Packet {
	t.Helper()
	raw, err := os.ReadFile("../media/codec/testdata/" + name + ".rtp")
	if err != nil {
		t.Fatal(err)
	}
	var out []*media.Packet
	for len(raw) > 2 {
		n := 2 + int(binary.BigEndian.Uint16(raw))
		var p rtp.Packet
		if err := p.Unmarshal(raw[2:n]); err != nil {
			t.Fatal(err)
		}
		out = append(out, &media.Packet{Seq: p.SequenceNumber, Timestamp: p.Timestamp, Marker: p.Marker, Payload: p.Payload})
		raw = raw[n:]
	}
	return out
}

// Whatever the codec, a viewer that comes within a stretch of pictures begins at the next key frame, and gets all from
// there on as it was sent.
func TestDownTrack_StartsAtKeyFramesOfAnyCodec(t *testing.T) {
	for name, codecName := range map[string]string{"vp8": "VP8", "vp9": "VP9", "h264": "H264", "h265": "H265"} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(1)
			p := h.publish(media.Track{ID: "v", Kind: media.Video, Codec: media.Codec{Name: codecName, ClockRate: 90000}})
			packets := recorded(t, name)
			// From the second frame on: its key frame was never seen.
			for packets[0].Timestamp == recorded(t, name)[0].Timestamp {
				packets = packets[1:]
			}
			_, s := h.watch(p.up)
			for _, k := range packets {
				h.pass(time.Millisecond)
				p.bring(k)
			}
			got := s.take()
			seamless(t, got)
			missing := len(packets) - len(got)
			if missing <= 0 || missing > 20 {
				t.Fatalf("%d of %d packets", len(got), len(packets))
			}
			if !codec.ReaderOf(codecName)(got[0].payload).Key || !packets[missing-1].Marker {
				t.Errorf("it does not begin with the first packet of a key frame")
			}
			for i, g := range got {
				if !bytes.Equal(g.payload, packets[missing+i].Payload) || g.Marker != packets[missing+i].Marker {
					t.Fatalf("packet %d differs", i)
				}
			}
			if size := p.up.Stats().Size; size != (codec.Size{Width: 320, Height: 180}) {
				t.Errorf("the size is %v", size)
			}
			if n := p.up.Stats().Backward; n != 0 {
				t.Errorf("%d packets count as out of order", n)
			}
		})
	}
}

// ITU-T H.264 annex D: supplemental information goes through untouched, before, within and behind a frame.
func TestForward_LeavesSEIUntouched(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	_, s := h.watch(p.up)
	sei := append([]byte{0x06, 0x05, 20}, "0123456789abcdefTEXT\x80"...) // user_data_unregistered
	both := append([]byte{0x78, 0, byte(len(sei))}, sei...)              // with a slice in one packet
	both = append(both, 0, 2, 0x41, 0x9a)
	var sent []*media.Packet
	for _, frame := range [][][]byte{{sei, keyStart, {0x65, 1, 2}, sei}, {sei, delta}, {both}, {delta, sei}} {
		for i, payload := range frame {
			k := &media.Packet{Seq: p.seq, Timestamp: p.ts, Marker: i == len(frame)-1, Payload: payload}
			p.seq++
			sent = append(sent, k)
			p.bring(k)
		}
		p.ts += 3000
	}
	got := s.take()
	// Whoever begins at the parameter set misses what stands before it, for lack of anything before that.
	if len(got) < len(sent)-1 {
		t.Fatalf("%d of %d packets", len(got), len(sent))
	}
	for i, g := range got {
		if want := sent[len(sent)-len(got)+i]; !bytes.Equal(g.payload, want.Payload) || g.Marker != want.Marker {
			t.Errorf("packet %d differs: %x", i, g.payload)
		}
	}
}

// RFC 6184 section 5.1: with B-frames, times step back in the order of sending, whatever a codec's payload says.
func TestUpTrack_SeesPicturesOutOfOrder(t *testing.T) {
	h := newHouse(1)
	p := h.publish(media.Track{ID: "v", Kind: media.Video, Codec: media.Codec{Name: "AV1", ClockRate: 90000}})
	frame := func(ts uint32, packets ...uint16) {
		for _, seq := range packets {
			p.bring(&media.Packet{Seq: seq, Timestamp: ts, Payload: []byte{0, 1}})
		}
	}
	backward := func() int { return int(p.up.Stats().Backward) }
	frame(3000, 1, 2)
	frame(6000, 3, 5)
	frame(9000, 6)
	frame(6000, 4) // overtaken on the way
	frame(6000, 4) // and twice
	count(t, "after packets that were overtaken", backward(), 0)
	frame(4_000_000_000, 7) // the clock begins anew
	frame(3000, 8)
	count(t, "after new beginnings of the clock", backward(), 0)
	frame(12000, 9)
	frame(6000, 10, 11)
	count(t, "after a picture that is shown before the one sent before", backward(), 1)
}

func TestUpTrack_CountsWhatComesTwiceOnce(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	f := p.frame(keyStart, 3)
	p.bring(f...)
	once := p.up.Stats().Once
	p.bring(f...)
	if s := p.up.Stats(); s.Once != once || s.Bytes != 2*once {
		t.Errorf("once %d, then %d, of %d bytes", once, s.Once, s.Bytes)
	}
}
