package load

import (
	"bytes"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
)

func TestStream_KeepsItsBitrate(t *testing.T) {
	l, err := loop.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1_000_000, 1_500_000, 3_000_000, 8_500_000} {
		s := newStream(l, want)
		bytes := 0
		for _, f := range s.frames {
			for _, n := range f.padding {
				bytes += len(appendStamped(nil, n, time.Second))
			}
			for _, p := range f.picture {
				bytes += len(p)
			}
		}
		got := float64(bytes) * 8 / l.Duration().Seconds()
		if got < 0.98*float64(want) || got > 1.01*float64(want) {
			t.Errorf("%.0f bit/s, want %d", got, want)
		}
	}
}

func TestStamp_ComesBackAsItWent(t *testing.T) {
	for size := minPadding; size <= packetTarget; size++ {
		at := time.Duration(size) * 1234567891
		p := appendStamped(nil, size, at)
		if len(p) > size || len(p) < size-8 {
			t.Fatalf("asked for %d bytes, got %d", size, len(p))
		}
		if bytes.Contains(p, []byte{0, 0}) {
			t.Fatalf("size %d: two zero bytes would need escaping (ITU-T H.264 section 7.4.1.1)", size)
		}
		if got, ok := readStamp(p); !ok || got != at {
			t.Fatalf("size %d: got %v, %v, want %v", size, got, ok, at)
		}
		// The declared size is the one that is there.
		declared, rest := 0, p[2:]
		for rest[0] == 0xff {
			declared, rest = declared+255, rest[1:]
		}
		if declared += int(rest[0]); declared != len(rest)-2 {
			t.Fatalf("size %d: message says %d bytes, has %d", size, declared, len(rest)-2)
		}
	}
}

func FuzzReadStamp(f *testing.F) {
	f.Add(appendStamped(nil, 300, time.Hour))
	f.Add(bytes.Repeat([]byte{0xff}, 100))
	f.Add([]byte{6, 5, 0xff})
	f.Fuzz(func(_ *testing.T, p []byte) {
		readStamp(p)
		isKeyStart(p)
	})
}

func TestIsKeyStart_KnowsTheLoopsKeyFrames(t *testing.T) {
	l, err := loop.Load()
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range l.Frames {
		if isKeyStart(f.Payloads[0]) != f.Key {
			t.Errorf("frame %d: key is %v", i, f.Key)
		}
	}
}
