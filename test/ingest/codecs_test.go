package ingest

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/h265writer"
	"github.com/pion/webrtc/v4/pkg/media/ivfwriter"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// recordings are what real encoders made (internal/media/codec, recorded_test.go).
const recordings = "../../internal/media/codec/testdata/"

// recorded returns the packets of a recording; those of AV1 are made of its frames.
func recorded(t *testing.T, name string) []*rtp.Packet {
	t.Helper()
	var out []*rtp.Packet
	if name == "av1" {
		raw, err := os.ReadFile(recordings + "av1.ivf")
		if err != nil {
			t.Fatal(err)
		}
		var payloader codecs.AV1Payloader
		packetizer := rtp.NewPacketizer(600, 0, 0, &payloader, rtp.NewFixedSequencer(500), 90000)
		for raw = raw[32:]; len(raw) > 12; {
			n := 12 + int(binary.LittleEndian.Uint32(raw))
			out = append(out, packetizer.Packetize(raw[12:n], 3000)...)
			raw = raw[n:]
		}
		return out
	}
	raw, err := os.ReadFile(recordings + name + ".rtp")
	if err != nil {
		t.Fatal(err)
	}
	for len(raw) > 2 {
		n := 2 + int(binary.BigEndian.Uint16(raw))
		p := &rtp.Packet{}
		if err := p.Unmarshal(raw[2:n]); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
		raw = raw[n:]
	}
	return out
}

// sorted returns what a viewer got in the order of sending.
func (c *counter) sorted() []*rtp.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*rtp.Packet
	for seq := range c.packets {
		p := c.packets[seq]
		out = append(out, &p)
	}
	slices.SortFunc(out, func(a, b *rtp.Packet) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) })
	return out
}

// decoded returns how many pictures ffmpeg makes of the packets, and what it complains of.
func decoded(t *testing.T, mimeType string, packets []*rtp.Packet) (pictures, complaints string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "seen")
	var w interface {
		WriteRTP(*rtp.Packet) error
		Close() error
	}
	var err error
	if mimeType == webrtc.MimeTypeH265 {
		w, err = h265writer.New(file)
	} else {
		w, err = ivfwriter.New(file, ivfwriter.WithCodec(mimeType))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := w.WriteRTP(p); err != nil {
			t.Fatalf("put %s together: %v", mimeType, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_frames", "-select_streams", "v",
		"-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("decode: %v: %s", err, said.String())
	}
	return strings.TrimSpace(string(out)), said.String()
}

// watching returns what a viewer gets of a publisher from now on.
func watching(ctx context.Context, t *testing.T, n *nodetest.Node, stage, publisher string) *counter {
	t.Helper()
	announced := make(chan struct{}, 8)
	viewer, err := client.Join(ctx, n.Token(stage, "viewer", "SUBSCRIBE"), client.Options{OnChange: func(c client.Change) {
		if c.Op == client.Joined && c.Participant.ID == publisher {
			announced <- struct{}{}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = viewer.Leave(context.Background()) })
	select {
	case <-announced:
	case <-ctx.Done():
		t.Fatal("publisher was not announced")
	}
	c := &counter{packets: map[uint16]rtp.Packet{}, news: make(chan struct{}, 1)}
	if _, err := viewer.Subscribe(ctx, publisher, client.SubscribeOptions{OnPacket: c.take}); err != nil {
		t.Fatal(err)
	}
	return c
}

// Codecs beyond H.264 go from publisher to viewer as they are: every packet arrives, to the byte, and a decoder makes
// all the pictures of them.
func TestCodecs_EveryPacketReachesAViewer(t *testing.T) {
	require(t, "needs ffprobe", "ffprobe", "-version")
	for name, c := range map[string]struct {
		mimeType string
		pictures int
	}{
		"vp8": {webrtc.MimeTypeVP8, 40}, "vp9": {webrtc.MimeTypeVP9, 40}, "av1": {webrtc.MimeTypeAV1, 30},
		"h265": {webrtc.MimeTypeH265, 40},
	} {
		t.Run(name, func(t *testing.T) {
			n := nodetest.Start(t)
			stage := n.CreateStage()
			token := n.Token(stage, "publisher", "PUBLISH")
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			publisher, err := client.Join(ctx, token, client.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = publisher.Leave(context.Background()) }()
			track, err := client.NewVideoTrack(c.mimeType, "video")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := publisher.Publish(ctx, client.PublishOptions{}, track); err != nil {
				t.Fatal(err)
			}
			claims, err := client.ParseToken(token)
			if err != nil {
				t.Fatal(err)
			}
			seen := watching(ctx, t, n, stage, claims.Participant)
			sent := recorded(t, name)
			write(ctx, t, track, sent)
			got := seen.sorted()
			for deadline := time.After(patience); len(got) < len(sent); got = seen.sorted() {
				select {
				case <-seen.news:
				case <-deadline:
					t.Fatalf("%d of %d packets arrived", len(got), len(sent))
				}
			}
			for i := range got {
				if string(got[i].Payload) != string(sent[i].Payload) || got[i].Marker != sent[i].Marker {
					t.Fatalf("packet %d differs", i)
				}
			}
			pictures, complaints := decoded(t, c.mimeType, got)
			if pictures != fmt.Sprint(c.pictures) || complaints != "" {
				t.Errorf("%s pictures of %d; %s", pictures, c.pictures, complaints)
			}
		})
	}
}

// A publisher that comes back with another codec ends the sessions of its viewers: they can't be sent what they did not
// negotiate. Who asks again is answered with the new codec, or told why not.
func TestCodecs_ViewersOfAnotherCodecNegotiateAnew(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	token := n.Token(stage, "publisher", "PUBLISH")
	claims, err := client.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	publisher, err := client.Join(ctx, token, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = publisher.Leave(context.Background()) }()
	viewer, err := client.Join(ctx, n.Token(stage, "viewer", "SUBSCRIBE"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = viewer.Leave(context.Background()) }()
	publish := func(mimeType, recording string) {
		t.Helper()
		track, err := client.NewVideoTrack(mimeType, "video")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := publisher.Publish(ctx, client.PublishOptions{}, track); err != nil {
			t.Fatal(err)
		}
		write(ctx, t, track, recorded(t, recording))
	}
	subscribe := func(mimeType string) *client.Subscription {
		t.Helper()
		seen := make(chan string, 1)
		s, err := viewer.Subscribe(ctx, claims.Participant, client.SubscribeOptions{OnPacket: func(tr client.Track, _ *rtp.Packet) {
			select {
			case seen <- tr.MimeType:
			default:
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-seen:
			if !strings.EqualFold(got, mimeType) {
				t.Fatalf("the viewer got %s, not %s", got, mimeType)
			}
		case <-ctx.Done():
			t.Fatalf("no packet of %s", mimeType)
		}
		return s
	}
	publish(webrtc.MimeTypeVP8, "vp8")
	first := subscribe(webrtc.MimeTypeVP8)
	publish(webrtc.MimeTypeVP9, "vp9")
	select {
	case <-first.Done():
	case <-ctx.Done():
		t.Fatal("the subscription to VP8 goes on")
	}
	subscribe(webrtc.MimeTypeVP9)
}

// write sends packets at the pace of their times, sped up.
func write(ctx context.Context, t *testing.T, track *webrtc.TrackLocalStaticRTP, packets []*rtp.Packet) {
	t.Helper()
	frame := time.NewTicker(10 * time.Millisecond)
	defer frame.Stop()
	for _, p := range packets {
		if err := track.WriteRTP(p.Clone()); err != nil {
			t.Fatal(err)
		}
		if !p.Marker {
			continue
		}
		select {
		case <-frame.C:
		case <-ctx.Done():
			t.Fatal("too slow")
		}
	}
}

// media-features.md 6.2 and 7.4: B-frames end a publication, and the event says so.
func TestWHIP_BFramesOfARealEncoderEndThePublication(t *testing.T) {
	gstreamer(t, "x264enc", "rtph264pay")
	n := nodetest.Start(t)
	stage := n.CreateStage()
	token := n.Token(stage, "gstreamer", "PUBLISH")
	claims, err := client.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	publisher := start(t, "whip_gst.py", claims.WHIPURL, token, "900", "x264-bframes")
	publisher.says("connected")
	publisher.tell() // send frames
	n.Logged("error_code=B_FRAME_PRESENT")
	errorCode := func() string {
		var stages struct {
			Stage struct {
				ActiveSessionID string `json:"activeSessionId"`
			} `json:"stage"`
		}
		n.Call("GetStage", map[string]any{"arn": stage}, &stages)
		var out struct {
			Events []struct{ Name, ErrorCode string } `json:"events"`
		}
		n.Call("ListParticipantEvents", map[string]any{
			"stageArn": stage, "sessionId": stages.Stage.ActiveSessionID, "participantId": claims.Participant,
		}, &out)
		for _, e := range out.Events {
			if e.Name == "PUBLISH_ERROR" {
				return e.ErrorCode
			}
		}
		return ""
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(patience)
	code := errorCode()
	for ; code == ""; code = errorCode() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal("the event did not come")
		}
	}
	if code != "B_FRAME_PRESENT" {
		t.Errorf("the event says %s", code)
	}
}
