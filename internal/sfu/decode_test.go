package sfu

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"

	"github.com/proscenium-live/proscenium/internal/media"
)

// A decoder's word on it: what a viewer gets that changes between layers of different sizes, while packets of the
// publisher are lost, repeated and overtaken, is a stream without an error, a missing frame or an artefact.
func TestDownTrack_WhatAMovingViewerGetsIsDecodedWithoutAFault(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg here to decode with")
	}
	const seconds, rate = 12, 30
	var films []*film
	for i, size := range []string{"160x90", "320x180", "640x360"} {
		films = append(films, encode(t, size, seconds, 15+i*4))
	}
	rnd := rand.New(rand.NewPCG(7, 7))
	h := newHouse(1)
	var ups []*publisher
	for i := range films {
		track := h264
		track.RID = fmt.Sprint(i)
		p := h.publish(track)
		p.seq, p.ts = uint16(65000+i*20000), rnd.Uint32()
		ups = append(ups, p)
	}
	d, s := h.watch(ups[0].up)
	lines := []*line{{rnd: rnd}, {rnd: rnd}, {rnd: rnd}}
	got := map[uint16]written{}
	for n := range seconds * rate {
		if n%rate == 0 {
			for i, p := range ups { // the larger the picture, the longer its encoder takes
				p.up.ReceiveReport(media.SenderReport{
					NTP: 1<<60 + uint64(h.time)<<32/uint64(time.Second), RTP: p.ts + uint32(i*900), Arrival: h.time,
				})
			}
		}
		if n%25 == 24 {
			d.Prefer(ups[rnd.IntN(len(ups))].up)
			h.turn()
		}
		for i, p := range ups {
			var packets []*media.Packet
			for j, payload := range films[i].frames[n] {
				packets = append(packets, &media.Packet{
					Seq: p.seq, Timestamp: p.ts, Marker: j == len(films[i].frames[n])-1, Payload: payload,
				})
				p.seq++
			}
			p.ts += 3000
			p.bring(lines[i].repair(packets)...)
		}
		h.pass(frameTime)
		h.turn()
		collect(t, d, h, s, got)
	}
	for i, p := range ups {
		p.bring(lines[i].held...)
	}
	h.turn()
	collect(t, d, h, s, got)
	moves := d.Stats().Moves
	if moves < 5 {
		t.Fatalf("the viewer moved %d times", moves)
	}
	stream, frames := assemble(t, got)
	if want := seconds*rate - 40; frames < want {
		t.Errorf("%d frames in %d s: it stalled", frames, seconds)
	}
	out, complaints := run(t, stream, "ffmpeg", "-v", "warning", "-f", "h264", "-i", "-", "-fps_mode", "passthrough",
		"-vf", "scale=32:18", "-pix_fmt", "gray", "-f", "rawvideo", "-")
	if complaints != "" {
		t.Errorf("the decoder complains:\n%s", complaints)
	}
	if shown := len(out) / (32 * 18); shown != frames {
		t.Errorf("%d of %d frames were decoded", shown, frames)
	}
	// A picture that goes on steadily differs little from frame to frame; a torn one would differ a lot.
	worst := 0
	for i := 32 * 18; i+32*18 <= len(out); i += 32 * 18 {
		sum := 0
		for j := range 32 * 18 {
			d := int(out[i+j]) - int(out[i+j-32*18])
			sum += max(d, -d)
		}
		worst = max(worst, sum/(32*18))
	}
	if worst > 15 {
		t.Errorf("two frames that follow on each other differ by %d of 255 on average", worst)
	}
	t.Logf("%d moves, %d frames, the most that two in a row differ by is %d of 255", moves, frames, worst)
}

// repair is a line that loses packets, and brings them again later; some overtake others.
func (l *line) repair(packets []*media.Packet) []*media.Packet {
	var out []*media.Packet
	if len(l.held) > 0 && l.rnd.IntN(2) == 0 {
		out, l.held = append(out, l.held...), nil
	}
	for _, p := range packets {
		if l.rnd.IntN(30) == 0 {
			p.Repeat = true
			l.held = append(l.held, p)
			continue
		}
		out = append(out, p)
	}
	return out
}

// collect takes what came, and asks again for what is missing below the highest number, as a receiver does.
func collect(t *testing.T, d *DownTrack, h *house, s *sink, got map[uint16]written) {
	t.Helper()
	for _, k := range s.take() {
		if old, twice := got[k.Seq]; twice && (old.Timestamp != k.Timestamp || !bytes.Equal(old.payload, k.payload)) {
			t.Fatalf("number %d came twice and was not the same", k.Seq)
		}
		got[k.Seq] = k
	}
	first, top := bounds(got)
	var missing []uint16
	for seq := first; seq != top; seq++ {
		if _, ok := got[seq]; !ok && len(missing) < 20 {
			missing = append(missing, seq)
		}
	}
	if len(missing) > 0 {
		d.Nack(missing, h.time)
		h.turn()
		for _, k := range s.take() {
			got[k.Seq] = k
		}
	}
}

// bounds returns the first and the last number.
func bounds(got map[uint16]written) (first, top uint16) {
	began := false
	for seq := range got {
		if !began {
			began, first, top = true, seq, seq
		}
		if int16(seq-first) < 0 {
			first = seq
		}
		if int16(seq-top) > 0 {
			top = seq
		}
	}
	return first, top
}

// assemble puts the flow together in the order of its numbers.
func assemble(t *testing.T, got map[uint16]written) (stream []byte, frames int) {
	t.Helper()
	first, top := bounds(got)
	depacketizer := &codecs.H264Packet{}
	var last written
	missing := 0
	for seq := first; seq != top+1; seq++ {
		k, ok := got[seq]
		if !ok {
			missing++
			continue
		}
		if last.payload != nil && int32(k.Timestamp-last.Timestamp) < 0 {
			t.Fatalf("time goes back at number %d", seq)
		}
		if last.payload != nil && k.Timestamp-last.Timestamp > 4*3000 {
			t.Errorf("nothing is shown for %d ticks before number %d", k.Timestamp-last.Timestamp, seq)
		}
		last = k
		unit, err := depacketizer.Unmarshal(k.payload)
		if err != nil {
			t.Fatal(err)
		}
		stream = append(stream, unit...)
		if k.Marker {
			frames++
		}
	}
	if missing > 0 {
		t.Errorf("%d packets never came", missing)
	}
	return stream, frames
}

// film is what a camera sends: for each frame its payloads.
type film struct{ frames [][][]byte }

// encode makes a film of a moving picture in H.264 as browsers make it, with a key frame each so many frames.
func encode(t *testing.T, size string, seconds, every int) *film {
	t.Helper()
	out, complaints := run(t, nil, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=640x360:r=30:d=%d", seconds),
		"-vf", "scale="+size,
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-pix_fmt", "yuv420p",
		"-x264-params", fmt.Sprintf("keyint=%d:min-keyint=%d:scenecut=0:sliced-threads=0:repeat-headers=1", every, every), "-f", "h264", "-")
	if complaints != "" {
		t.Skipf("this ffmpeg can't encode: %s", complaints)
	}
	f := &film{}
	packer := &codecs.H264Payloader{}
	for _, unit := range accessUnits(out) {
		f.frames = append(f.frames, packer.Payload(1100, unit))
	}
	if len(f.frames) != seconds*30 {
		t.Fatalf("%d frames were encoded", len(f.frames))
	}
	return f
}

// accessUnits cuts a stream of one slice a frame behind each slice.
func accessUnits(stream []byte) [][]byte {
	var units [][]byte
	start := 0
	for i := 0; i+4 < len(stream); i++ {
		if stream[i] != 0 || stream[i+1] != 0 || stream[i+2] != 1 {
			continue
		}
		if kind := stream[i+3] & 0x1f; kind != 1 && kind != 5 {
			continue
		}
		end := len(stream)
		if next := bytes.Index(stream[i+3:], []byte{0, 0, 1}); next >= 0 {
			end = i + 3 + next
			if stream[end-1] == 0 {
				end--
			}
		}
		units = append(units, stream[start:end])
		start, i = end, end-1
	}
	return units
}

// run feeds a program and returns what it writes and what it complains of.
func run(t *testing.T, in []byte, name string, args ...string) (out []byte, complaints string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Sprintf("%v: %s", err, stderr.String())
	}
	return stdout.Bytes(), stderr.String()
}
