package ingest

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

const (
	python   = "/usr/bin/python3" // Debian's: the one that has python3-gi
	patience = 30 * time.Second
	frames   = 150
)

// require skips the test if the program does not run here, or fails it if PROSCENIUM_TEST_REQUIRE=all.
func require(t *testing.T, why string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if err == nil {
		return
	}
	if os.Getenv("PROSCENIUM_TEST_REQUIRE") == "all" {
		t.Fatalf("%s: %v: %s", why, err, out)
	}
	t.Skipf("%s (%v)", why, err)
}

// script is a running publisher that is not ours.
type script struct {
	t     *testing.T
	in    io.WriteCloser
	lines chan string
	exit  chan error
	tail  *tail
}

func start(t *testing.T, args ...string) *script {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	cmd := exec.CommandContext(ctx, python, args...)
	s := &script{t: t, lines: make(chan string, 16), exit: make(chan error, 1), tail: &tail{}}
	cmd.Stderr = s.tail
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in = in
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for sc := bufio.NewScanner(out); sc.Scan(); {
			s.lines <- sc.Text()
		}
		s.exit <- cmd.Wait()
		close(s.lines)
	}()
	t.Cleanup(func() {
		cancel()
		for range s.lines { // until it has ended
		}
	})
	return s
}

// says waits for a line.
func (s *script) says(want string) {
	s.t.Helper()
	select {
	case line, ok := <-s.lines:
		if !ok {
			s.t.Fatalf("publisher ended instead of saying %q: %s", want, s.tail)
		}
		if line != want {
			s.t.Fatalf("publisher said %q, not %q", line, want)
		}
	case <-time.After(patience):
		s.t.Fatalf("publisher did not say %q: %s", want, s.tail)
	}
}

func (s *script) tell() {
	s.t.Helper()
	if _, err := io.WriteString(s.in, "go on\n"); err != nil {
		s.t.Fatal(err)
	}
}

// tail keeps the end of what was written.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, p...)
	w.b = w.b[max(0, len(w.b)-4096):]
	return len(p), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.b)
}

// counter puts what a viewer gets together again, frame by frame.
type counter struct {
	mu      sync.Mutex
	packets map[uint16]rtp.Packet
	audio   int
	news    chan struct{} // gets something for each new packet of the picture
}

func (c *counter) take(t client.Track, p *rtp.Packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Kind == "audio" {
		c.audio++
		return
	}
	if _, have := c.packets[p.SequenceNumber]; have || len(p.Payload) == 0 {
		return
	}
	c.packets[p.SequenceNumber] = *p.Clone()
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// settle waits until nothing new has come for a second.
func (c *counter) settle() {
	deadline := time.After(patience)
	for {
		select {
		case <-c.news:
		case <-time.After(time.Second):
			return
		case <-deadline:
			return
		}
	}
}

// frames returns how many whole frames are there, and what is wrong with the others. The first packet of all
// is the one after which, counting down, nothing came.
func (c *counter) frames() (whole int, broken []string) {
	if len(c.packets) == 0 {
		return 0, nil
	}
	var first uint16
	for seq := range c.packets {
		if _, before := c.packets[seq-1]; !before {
			if p := c.packets[seq]; whole == 0 || int32(p.Timestamp-c.packets[first].Timestamp) < 0 {
				first, whole = seq, 1
			}
		}
	}
	whole = 0
	var last uint32
	have := 0
	for seq, started := first, false; have < len(c.packets); seq++ {
		p, ok := c.packets[seq]
		if !ok {
			broken = append(broken, fmt.Sprintf("packet %d is missing", seq))
			started = false
			continue
		}
		have++
		if !started {
			started, last = true, p.Timestamp
		}
		if p.Timestamp != last {
			broken = append(broken, fmt.Sprintf("frame %d has no end", last))
			last = p.Timestamp
		}
		if p.Marker {
			whole++
			started = false
		}
	}
	return whole, broken
}

// pictures counts coded pictures by their first slices: those that begin with macroblock 0 (first_mb_in_slice is
// the first element of a slice header, and 0 is written as a single 1 bit: ITU-T H.264 sections 7.3.3 and 9.1).
func (c *counter) pictures() (pictures, keys int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.packets {
		for _, unit := range units(p.Payload) {
			kind := unit[0] & 0x1f
			if (kind == 1 || kind == 5) && unit[1]&0x80 != 0 {
				pictures++
				if kind == 5 {
					keys++
				}
			}
		}
	}
	return pictures, keys
}

// units returns the beginnings of the NAL units that begin in a payload (RFC 6184).
func units(p []byte) [][]byte {
	if len(p) < 3 {
		return nil
	}
	switch p[0] & 0x1f {
	case 24: // STAP-A: sizes and units
		var out [][]byte
		for p = p[1:]; len(p) > 4; {
			size := int(binary.BigEndian.Uint16(p))
			if size < 2 || size > len(p)-2 {
				break
			}
			out = append(out, p[2:2+size])
			p = p[2+size:]
		}
		return out
	case 28: // FU-A: the header of the unit stands in its own
		if p[1]&0x80 == 0 {
			return nil
		}
		return [][]byte{p[1:]}
	}
	return [][]byte{p}
}

// gstreamer skips the test where GStreamer lacks what whip_gst.py needs.
func gstreamer(t *testing.T, elements ...string) {
	t.Helper()
	elements = append([]string{"webrtcbin", "nicesrc", "opusenc"}, elements...)
	require(t, "needs python3-gi, gir1.2-gst-plugins-bad-1.0, gstreamer1.0-nice and gstreamer1.0-plugins-{base,good,bad,ugly}",
		python, "-c", "import gi; gi.require_version('Gst','1.0'); gi.require_version('GstWebRTC','1.0'); "+
			"from gi.repository import Gst, GstWebRTC; Gst.init(None); "+
			"missing=[e for e in '"+strings.Join(elements, " ")+"'.split() if not Gst.ElementFactory.find(e)]; "+
			"assert not missing, missing")
}

// Shown by 4 of the first vertical: another stack's WHIP client publishes, and a viewer receives every frame.
func TestWHIP_EveryFrameOfGStreamerArrives(t *testing.T) {
	for encoder, element := range map[string]string{"x264": "x264enc", "openh264": "openh264enc"} {
		t.Run(encoder, func(t *testing.T) {
			gstreamer(t, element, "rtph264pay")
			everyFrame(t, encoder, webrtc.MimeTypeH264, frames)
		})
	}
}

// The codecs beyond those of the real service, in the profile open.
func TestWHIP_EveryFrameOfOtherCodecsArrives(t *testing.T) {
	for encoder, c := range map[string]struct{ mimeType, element, payloader string }{
		"vp8":  {webrtc.MimeTypeVP8, "vp8enc", "rtpvp8pay"},
		"vp9":  {webrtc.MimeTypeVP9, "vp9enc", "rtpvp9pay"},
		"x265": {webrtc.MimeTypeH265, "x265enc", "rtph265pay"},
	} {
		t.Run(encoder, func(t *testing.T) {
			gstreamer(t, c.element, c.payloader)
			everyFrame(t, encoder, c.mimeType, 60)
		})
	}
}

func everyFrame(t *testing.T, encoder, mimeType string, frames int) {
	t.Helper()
	n := nodetest.Start(t)
	stage := n.CreateStage()
	token := n.Token(stage, "gstreamer", "PUBLISH")
	claims, err := client.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	publisher := start(t, "whip_gst.py", claims.WHIPURL, token, fmt.Sprint(frames), encoder)
	publisher.says("connected")

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	announced := make(chan client.Info, 8)
	viewer, err := client.Join(ctx, n.Token(stage, "viewer", "SUBSCRIBE"), client.Options{OnChange: func(c client.Change) {
		if c.Op == client.Joined {
			announced <- c.Participant
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = viewer.Leave(context.Background()) }()
	select {
	case who := <-announced:
		if who.ID != claims.Participant || who.Protocol != "WHIP" {
			t.Errorf("announced as %+v", who)
		}
	case <-ctx.Done():
		t.Fatal("publisher was not announced")
	}
	c := &counter{packets: map[uint16]rtp.Packet{}, news: make(chan struct{}, 1)}
	if _, err := viewer.Subscribe(ctx, claims.Participant, client.SubscribeOptions{OnPacket: c.take}); err != nil {
		t.Fatal(err)
	}
	publisher.tell() // send frames
	publisher.says(fmt.Sprint("frames ", frames))
	c.settle()
	publisher.tell() // end
	publisher.says("done")

	c.mu.Lock()
	whole, broken := c.frames()
	audio, packets := c.audio, len(c.packets)
	c.mu.Unlock()
	t.Logf("%d of %d frames whole, in %d packets, %d packets of sound", whole, frames, packets, audio)
	if audio == 0 {
		t.Error("no sound arrived")
	}
	// The first frame went out before there was a viewer: it need not get that one, but all others.
	if whole < frames-1 || len(broken) > 0 {
		t.Errorf("%d of %d frames arrived whole; %v", whole, frames, broken)
	}
	if mimeType == webrtc.MimeTypeH264 {
		if pictures, keys := c.pictures(); pictures != whole || keys == 0 {
			t.Errorf("%d frames hold %d pictures (%d key)", whole, pictures, keys)
		}
		return
	}
	require(t, "needs ffprobe", "ffprobe", "-version")
	if pictures, complaints := decoded(t, mimeType, c.sorted()); pictures != fmt.Sprint(whole) || complaints != "" {
		t.Errorf("a decoder makes %s pictures of %d frames; %s", pictures, whole, complaints)
	}
}
