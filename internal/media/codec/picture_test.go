package codec

import (
	"bytes"
	"testing"

	"github.com/pion/rtp/codecs"
)

// Numbers are found where pion finds them, and renumbered payloads are read as such by pion.
func TestPictures_AreRenumberedAsOthersReadThem(t *testing.T) {
	by := Shift{Number: 300, TL0: 7, KeyIndex: 3}
	room := make([]byte, 1460)
	for _, c := range []struct{ name, codec string }{{"vp8", "VP8"}, {"vp9", "VP9"}} {
		for i, p := range packets(t, c.name) {
			numbers := NumberingOf(c.codec)(p.Payload)
			if !numbers.Any() {
				t.Fatalf("%s packet %d has no numbers", c.codec, i)
			}
			put := numbers.Shifted(by).Put(room, p.Payload)
			before, after := pionNumbers(t, c.codec, p.Payload), pionNumbers(t, c.codec, put)
			if before[0] != numbers.Number {
				t.Errorf("%s packet %d: number %d, pion says %d", c.codec, i, numbers.Number, before[0])
			}
			if after[0] != (before[0]+by.Number)&0x7fff {
				t.Errorf("%s packet %d: %d became %d", c.codec, i, before[0], after[0])
			}
			if numbers.tl0 != 0 && uint8(after[1]) != uint8(before[1])+by.TL0 {
				t.Errorf("%s packet %d: TL0PICIDX %d became %d", c.codec, i, before[1], after[1])
			}
			if back := NumberingOf(c.codec)(put).Shifted(Shift{-by.Number, -by.TL0, -by.KeyIndex}).Put(make([]byte, 1460), put); !bytes.Equal(back, p.Payload) {
				t.Errorf("%s packet %d changed elsewhere", c.codec, i)
			}
		}
	}
}

func pionNumbers(t *testing.T, codec string, payload []byte) [2]uint16 {
	t.Helper()
	if codec == "VP8" {
		var p codecs.VP8Packet
		if _, err := p.Unmarshal(payload); err != nil {
			t.Fatal(err)
		}
		return [2]uint16{p.PictureID, uint16(p.TL0PICIDX)}
	}
	var p codecs.VP9Packet
	if _, err := p.Unmarshal(payload); err != nil {
		t.Fatal(err)
	}
	return [2]uint16{p.PictureID, uint16(p.TL0PICIDX)}
}

// RFC 7741 section 4.2.
func TestPictures_EachField(t *testing.T) {
	for name, c := range map[string]struct{ payload, want []byte }{
		"7 bits":            {[]byte{0x90, 0x80, 0x7f, 1}, []byte{0x90, 0x80, 0x01, 1}},
		"15 bits":           {[]byte{0x90, 0x80, 0xff, 0xff, 1}, []byte{0x90, 0x80, 0x80, 0x01, 1}},
		"TL0PICIDX, KEYIDX": {[]byte{0x90, 0x70, 0xff, 0xff, 1}, []byte{0x90, 0x70, 0x02, 0xe3, 1}},
		"all":               {[]byte{0x90, 0xf0, 0x80, 0x01, 5, 0x41, 1}, []byte{0x90, 0xf0, 0x80, 0x03, 8, 0x45, 1}},
		"none":              {[]byte{0x10, 1}, []byte{0x10, 1}},
	} {
		numbers := NumberingOf("vp8")(c.payload)
		if got := numbers.Shifted(Shift{2, 3, 4}).Put(make([]byte, 16), c.payload); !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x, want %x", name, got, c.want)
		}
	}
	if NumberingOf("H264") != nil {
		t.Error("H264 has numbers of pictures")
	}
	if (Pictures{}).Put(nil, []byte{1}) != nil {
		t.Error("written beyond the room")
	}
}

func TestPictures_FollowOn(t *testing.T) {
	read := NumberingOf("VP8")
	last, first := read([]byte{0x90, 0xf0, 0xff, 0xff, 255, 0x1f, 1}), read([]byte{0x90, 0xf0, 0x85, 0x39, 9, 0x02, 1})
	next := first.Shifted(last.After(first))
	if next.Number != 0 || next.TL0 != 0 || next.KeyIndex != 0 || !next.Newer(last) || last.Newer(next) {
		t.Errorf("%+v follows on %+v", next, last)
	}
}

// security.md row 31.
func FuzzPictures(f *testing.F) {
	for _, p := range append(packets(f, "vp8"), packets(f, "vp9")...) {
		f.Add(p.Payload, uint16(1), uint8(2), uint8(3))
	}
	f.Fuzz(func(t *testing.T, payload []byte, number uint16, tl0, key uint8) {
		for _, name := range []string{"VP8", "VP9"} {
			by := Shift{number, tl0, key}
			numbers := NumberingOf(name)(payload)
			put := numbers.Shifted(by).Put(make([]byte, len(payload)), payload)
			if len(put) != len(payload) {
				t.Fatalf("%d bytes became %d", len(payload), len(put))
			}
			if again := NumberingOf(name)(put); again != numbers.Shifted(by) && numbers.Any() {
				t.Fatalf("%+v became %+v", numbers, again)
			}
		}
	})
}
