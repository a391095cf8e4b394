package codec

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// packets returns the packets of a recording in testdata. The .rtp ones are what GStreamer's encoders and payloaders
// made, framed by RFC 4571: videotestsrc pattern=ball, 320x180, 40 frames, a key frame every 15, mtu 600.
func packets(tb testing.TB, name string) []*rtp.Packet {
	tb.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".rtp")
	if err != nil {
		tb.Fatal(err)
	}
	var out []*rtp.Packet
	for len(raw) > 2 {
		n := int(binary.BigEndian.Uint16(raw))
		p := &rtp.Packet{}
		if err := p.Unmarshal(raw[2 : 2+n]); err != nil {
			tb.Fatal(err)
		}
		out = append(out, p)
		raw = raw[2+n:]
	}
	return out
}

// av1Packets returns what pion makes of the frames of testdata/av1.ivf: 30 of ffmpeg's libaom-av1, 320x180, a key frame
// every 15.
func av1Packets(tb testing.TB) []*rtp.Packet {
	tb.Helper()
	raw, err := os.ReadFile("testdata/av1.ivf")
	if err != nil {
		tb.Fatal(err)
	}
	var out []*rtp.Packet
	var payloader codecs.AV1Payloader
	ts := uint32(0)
	for raw = raw[32:]; len(raw) > 12; ts += 3000 {
		n := int(binary.LittleEndian.Uint32(raw))
		payloads := payloader.Payload(600, raw[12:12+n])
		for i, payload := range payloads {
			out = append(out, &rtp.Packet{
				Header: rtp.Header{
					SequenceNumber: uint16(len(out)), Timestamp: ts, Marker: i == len(payloads)-1,
				},
				Payload: payload,
			})
		}
		raw = raw[12+n:]
	}
	return out
}

func recording(tb testing.TB, name string) []*rtp.Packet {
	tb.Helper()
	if name == "av1" {
		return av1Packets(tb)
	}
	return packets(tb, name)
}

// Key frames of recordings are found where they begin, with the size of their pictures.
func TestReaders_ReadWhatEncodersMake(t *testing.T) {
	for name, c := range map[string]struct {
		codec string
		keys  int // frames that a decoder may begin with
	}{
		"vp8": {"VP8", 3}, "vp9": {"VP9", 3}, "av1": {"AV1", 2}, "h264": {"H264", 3}, "h265": {"H265", 3},
	} {
		t.Run(name, func(t *testing.T) {
			read := ReaderOf(c.codec)
			keys, last, sized, wholes := 0, uint32(0), 0, 0
			for i, p := range recording(t, name) {
				d := read(p.Payload)
				if d.Backward {
					t.Errorf("packet %d is taken for a B-frame", i)
				}
				if d.Size != (Size{}) {
					sized++
					if d.Size != (Size{320, 180}) {
						t.Errorf("packet %d: size %v", i, d.Size)
					}
				}
				if d.Whole {
					wholes++
				}
				if d.Key && (keys == 0 || p.Timestamp != last) {
					keys++
					last = p.Timestamp
					if i > 0 && !recording(t, name)[i-1].Marker {
						t.Errorf("packet %d: a key frame that begins within another frame", i)
					}
				}
			}
			if keys != c.keys || sized < c.keys || wholes < c.keys {
				t.Errorf("%d key frames, %d of a size, %d whole; want %d", keys, sized, wholes, c.keys)
			}
		})
	}
}

// media-features.md 6.2: B-frames 0.
func TestReaders_SeeBFrames(t *testing.T) {
	for name, codec := range map[string]string{"h264_bframes": "H264", "h265_bframes": "H265"} {
		n := 0
		for _, p := range packets(t, name) {
			if ReaderOf(codec)(p.Payload).Backward {
				n++
			}
		}
		if n < 3 {
			t.Errorf("%s: %d packets say so", name, n)
		}
	}
}

// The readers and pion's depacketizers agree on where VP8 and VP9 key frames are.
func TestReaders_AgreeWithOthers(t *testing.T) {
	for i, p := range packets(t, "vp8") {
		var other codecs.VP8Packet
		payload, err := other.Unmarshal(p.Payload)
		if err != nil {
			t.Fatal(err)
		}
		v := ParseVP8(p.Payload)
		key := other.S == 1 && other.PID == 0 && payload[0]&1 == 0
		if v.Key != key || v.Temporal != other.TID {
			t.Errorf("VP8 packet %d: %+v, pion says %v, %d", i, v, key, other.TID)
		}
	}
	for i, p := range packets(t, "vp9") {
		var other codecs.VP9Packet
		if _, err := other.Unmarshal(p.Payload); err != nil {
			t.Fatal(err)
		}
		v := ParseVP9(p.Payload)
		if key := other.B && !other.P && other.SID == 0; v.Key != key || v.Start != other.B || v.Temporal != other.TID {
			t.Errorf("VP9 packet %d: %+v, pion says %v", i, v, key)
		}
	}
}

func TestReaderOf_AnUnknownCodecSaysNothing(t *testing.T) {
	if d := ReaderOf("theora")([]byte{0x65, 1, 2}); d != (Description{}) {
		t.Errorf("%+v", d)
	}
}

func TestReaders_AllocateNothing(t *testing.T) {
	for name, codec := range map[string]string{"vp8": "VP8", "vp9": "VP9", "av1": "AV1", "h264": "H264", "h265": "H265"} {
		read, first := ReaderOf(codec), recording(t, name)[0].Payload
		if n := testing.AllocsPerRun(100, func() { read(first) }); n != 0 {
			t.Errorf("%s: %v allocations", codec, n)
		}
	}
}

// security.md row 31. Whatever is read of a payload stays within it, and within measure.
func fuzzReader(f *testing.F, codec string, names ...string) {
	f.Helper()
	for _, name := range names {
		for _, p := range recording(f, name) {
			f.Add(p.Payload)
		}
	}
	read := ReaderOf(codec)
	f.Fuzz(func(t *testing.T, payload []byte) {
		d := read(payload)
		if d.Size.Width > maxSide || d.Size.Height > maxSide || (d.Size.Width == 0) != (d.Size.Height == 0) {
			t.Fatalf("accepted %v", d.Size)
		}
		if d.Whole && !d.Key || d.Temporal > 7 {
			t.Fatalf("%+v", d)
		}
	})
}

func FuzzDescribeH264(f *testing.F) { fuzzReader(f, "H264", "h264", "h264_bframes") }
func FuzzDescribeVP8(f *testing.F)  { fuzzReader(f, "VP8", "vp8") }
func FuzzDescribeVP9(f *testing.F)  { fuzzReader(f, "VP9", "vp9") }
func FuzzDescribeAV1(f *testing.F)  { fuzzReader(f, "AV1", "av1") }
func FuzzDescribeH265(f *testing.F) { fuzzReader(f, "H265", "h265", "h265_bframes") }

func FuzzPrimaryOfRED(f *testing.F) {
	f.Add([]byte{0x6f, 1, 2, 3})
	f.Add([]byte{0xef, 0x0f, 0x00, 0x02, 0x6f, 1, 2, 3})
	f.Fuzz(func(t *testing.T, payload []byte) {
		if p := PrimaryOfRED(payload); len(p) >= len(payload) && len(payload) > 0 {
			t.Fatalf("%d bytes out of %d", len(p), len(payload))
		}
	})
}

// RFC 2198 section 4.
func TestPrimaryOfRED_IsTheNewestBlock(t *testing.T) {
	two := []byte{0x80 | 111, 0x0f, 0x00, 0x03, 111, 'o', 'l', 'd', 'n', 'e', 'w'}
	for name, c := range map[string]struct {
		payload []byte
		want    string
	}{
		"two blocks":            {two, "new"},
		"one block":             {[]byte{111, 'n', 'e', 'w'}, "new"},
		"older block cut short": {two[:7], ""},
		"header cut short":      {two[:3], ""},
		"headers without end":   {[]byte{0x80, 0, 0, 0, 0x80, 0, 0, 0}, ""},
		"empty":                 {nil, ""},
	} {
		if got := string(PrimaryOfRED(c.payload)); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	var room [8]byte
	if wrapped := WrapRED(room[:], 111, []byte("new")); string(PrimaryOfRED(wrapped)) != "new" || wrapped[0] != 111 {
		t.Errorf("wrapped as %x", wrapped)
	}
	if WrapRED(room[:], 111, make([]byte, 8)) != nil {
		t.Error("wrapped beyond the room")
	}
}
