package sfu

import (
	"slices"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/codec"
)

func TestUpTrack_AsksForWhatIsLateByTwoPackets(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	f := p.frame(keyStart, 5)
	p.bring(f[0], f[2])
	count(t, "asked for after one packet", len(p.nacks), 0)
	p.bring(f[3])
	if want := []uint16{f[1].Seq}; !slices.Equal(p.nacks, want) {
		t.Fatalf("asked for %v, want %v", p.nacks, want)
	}
}

func TestUpTrack_AsksForWhatIsLateBy20Milliseconds(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	f := p.frame(keyStart, 3)
	p.bring(f[0], f[2])
	h.pass(lateByTime)
	p.up.Flush(h.time)
	count(t, "asked for", len(p.nacks), 1)
}

// security.md row 29.
func TestUpTrack_AsksForWhatItCouldNotKeep(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	f := p.frame(keyStart, 4)
	whole := f[1].Payload
	f[1].Payload = make([]byte, media.MaxPacket+1)
	p.bring(f...)
	if want := []uint16{f[1].Seq}; !slices.Equal(p.nacks, want) || p.up.Stats().Refused != 1 {
		t.Fatalf("asked for %v, want %v", p.nacks, want)
	}
	f[1].Payload = whole
	p.bring(f[1])
	count(t, "recovered", int(p.up.Stats().Recovered), 1)
}

func TestUpTrack_AsksEverMoreRarelyAndGivesUp(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	f := p.frame(keyStart, 4)
	p.bring(f[0], f[2], f[3])
	var asked []time.Duration
	begin := h.time
	for range 300 {
		h.pass(10 * time.Millisecond)
		if n := len(p.nacks); true {
			p.up.Flush(h.time)
			if len(p.nacks) > n {
				asked = append(asked, h.time-begin)
			}
		}
	}
	const ms = time.Millisecond
	want := []time.Duration{50 * ms, 150 * ms, 350 * ms, 750 * ms}
	if !slices.Equal(asked, want) {
		t.Fatalf("asked again after %v, want %v", asked, want)
	}
	if st := p.up.Stats(); st.Lost != 1 || st.Nacks != maxTries || p.plis != 1 {
		t.Fatalf("%+v, %d key frames asked for", st, p.plis)
	}
}

func TestUpTrack_ForgetsWhatCameAfterAll(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	f := p.frame(keyStart, 5)
	p.bring(f[0], f[3], f[4])
	count(t, "asked for", len(p.nacks), 2)
	p.bring(f[1], f[2])
	h.pass(time.Second)
	p.up.Flush(h.time)
	count(t, "asked for", len(p.nacks), 2)
	if st := p.up.Stats(); st.Recovered != 2 || st.Lost != 0 {
		t.Fatalf("%+v", st)
	}
}

// security.md row 30.
func TestMissing_IsBounded(t *testing.T) {
	var m missing
	gaveUp := m.note(100, 200, 0) + m.note(201, 301, 0)
	count(t, "given up", gaveUp, 200-maxMissing)
	count(t, "kept", m.n, maxMissing)
	if m.list[maxMissing-1].seq != 300 || m.came(100) || !m.came(300) {
		t.Fatal("the newest are not the ones kept")
	}
	count(t, "given up", m.note(1000, 2000, 0), 1000-maxMissing+maxMissing-1)
	var dst [maxMissing]uint16
	ask, _ := m.due(0, 5000, dst[:0])
	count(t, "asked for", len(ask), maxMissing)
}

// security.md row 30: stray numbers change nothing, whatever they are.
func TestUpTrack_DropsStrayNumbers(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	_, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 2)...)
	for i := range 1000 {
		stray := &media.Packet{Seq: uint16(20000 + i*37), Payload: delta, Arrival: h.time, Repeat: i%2 == 0}
		p.bring(stray)
	}
	p.bring(p.frame(delta, 2)...)
	got := s.take()
	count(t, "packets", len(got), 4)
	seamless(t, got)
	count(t, "strays", int(p.up.Stats().Strays), 1000)
}

func TestUpTrack_FindsTheStartOfAKeyFrameInAnyOrder(t *testing.T) {
	sps, pps, idr := []byte{0x67, 0x42, 0, 0}, []byte{0x68, 0xce}, []byte{0x65, 0x88}
	for name, c := range map[string]struct {
		order []int // of delta, SPS, PPS, IDR, the delta after
		start int   // index of the first packet shown
	}{
		"in order":         {[]int{0, 1, 2, 3, 4}, 1},
		"SPS late":         {[]int{0, 2, 3, 1, 4}, 1},
		"delta late":       {[]int{1, 2, 3, 0, 4}, 1},
		"IDR before":       {[]int{0, 3, 1, 2, 4}, 1},
		"next frame first": {[]int{0, 4, 3, 2, 1}, 1},
	} {
		h := newHouse(1)
		p := h.publish(h264)
		p.bring(p.frame(sps, 1)...) // the track is known to send parameters
		packets := p.frame(delta, 1)
		for i, start := range [][]byte{sps, pps, idr} {
			packets = append(packets, p.packet(start, i == 2))
		}
		p.ts += 3000
		packets = append(packets, p.frame(delta, 1)...)
		for _, i := range c.order {
			p.bring(packets[i])
		}
		want := p.up.ring.Head().Near(packets[c.start].Seq)
		if got := media.Seq(p.up.start.Load()); got != want {
			t.Errorf("%s: starts at %d, want %d", name, got, want)
		}
		count(t, name+": key frames", int(p.up.Stats().KeyFrames), 2)
	}
}

func TestUpTrack_TellsThePicturesSize(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	p.bring(&media.Packet{Payload: []byte("\x67\x42\xc0\x1f\xd9\x00\x50\x05\xbb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\xc0\xf1\x83\x24\x80")})
	if got := p.up.Stats().Size; got != (codec.Size{Width: 1280, Height: 720}) {
		t.Fatalf("%v", got)
	}
}
