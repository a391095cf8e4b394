package loop

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"
)

func TestLoop_HoldsTwelveSecondsOfBothMedia(t *testing.T) {
	l, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Duration(); got != 12*time.Second {
		t.Errorf("picture lasts %v, want 12s", got)
	}
	if got := time.Duration(len(l.Sound)) * SoundTime; got != l.Duration() {
		t.Errorf("sound lasts %v, picture %v", got, l.Duration())
	}
	for i, f := range l.Frames {
		if f.Key != (i%FrameRate == 0) {
			t.Errorf("frame %d: key frame is %v; there has to be one each second", i, f.Key)
		}
		for _, p := range f.Payloads {
			if len(p) > payloadSize {
				t.Errorf("frame %d: payload of %d bytes, the limit is %d", i, len(p), payloadSize)
			}
		}
	}
	if size := len(loopVideo) + len(loopAudio); size > 1500<<10 {
		t.Errorf("loop takes %d bytes in the program, more than 1.5 MB", size)
	}
}

// What a receiver takes out of the payloads is what the encoder put in.
func TestLoop_PayloadsCarryEveryByte(t *testing.T) {
	units, err := readAnnexB(loopVideo)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range units {
		var d codecs.H264Packet
		var got, want []byte
		for _, p := range payloads(u) {
			b, err := d.Unmarshal(p)
			if err != nil {
				t.Fatalf("frame %d: %v", i, err)
			}
			got = append(got, b...)
		}
		for _, n := range u.nals {
			want = append(append(want, 0, 0, 0, 1), n...)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("frame %d: got %d bytes back of %d", i, len(got), len(want))
		}
	}
}

func TestReadLoop_RefusesDamagedFiles(t *testing.T) {
	for name, c := range map[string]struct{ video, audio []byte }{
		"no video":              {nil, loopAudio},
		"video without a start": {[]byte{9, 0xf0}, loopAudio},
		"no key frame first":    {[]byte{0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x41, 1}, loopAudio},
		"empty access unit":     {[]byte{0, 0, 0, 1, 9, 0xf0}, loopAudio},
		"no audio":              {loopVideo, nil},
		"audio too short":       {loopVideo, loopAudio[:len(loopAudio)/2]},
		"audio cut in a page":   {loopVideo, loopAudio[:len(loopAudio)-1]},
		"audio is video":        {loopVideo, loopVideo},
	} {
		if _, err := Read(c.video, c.audio); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzReadAnnexB(f *testing.F) {
	f.Add(loopVideo[:4096])
	f.Add([]byte{0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x65, 1, 0, 0, 3})
	f.Add([]byte{0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		units, err := readAnnexB(data)
		if err != nil {
			return
		}
		total := 0
		for _, u := range units {
			for _, n := range u.nals {
				if len(n) == 0 {
					t.Fatal("empty NAL unit")
				}
				total += len(n)
			}
		}
		if total > len(data) {
			t.Fatalf("%d bytes out of %d", total, len(data))
		}
	})
}

func FuzzReadOggOpus(f *testing.F) {
	f.Add(loopAudio[:2048])
	page := append([]byte("OggS\x00"), make([]byte, 21)...)
	page = append(page, 1, 19)
	head := append([]byte("OpusHead\x01\x01"), 0, 0)
	head = binary.LittleEndian.AppendUint32(head, 48000)
	f.Add(append(page, append(head, 0, 0, 0)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		packets, err := readOggOpus(data)
		if err == nil && len(packets) == 0 {
			t.Fatal("neither packets nor an error")
		}
	})
}
