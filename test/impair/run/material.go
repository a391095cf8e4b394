package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
)

// layer is one encoding of the picture, low to high.
type layer struct {
	rid           string
	width, height int
	kbits         int
}

var layers = []layer{{"q", 320, 180, 110}, {"h", 640, 360, 450}, {"f", 1280, 720, 1500}}

const (
	materialSeconds = 20
	// keyEvery is long enough that who waits for the next key frame, instead of asking, waits.
	keyEvery = 150
)

// encode makes the material with ffmpeg: each layer with a key frame every five seconds, and a voice with in-band
// FEC for lines that lose a tenth.
func encode(ctx context.Context, folder string) ([]*loop.Loop, error) {
	sound := filepath.Join(folder, "voice.ogg")
	if err := ffmpeg(ctx, "-f", "lavfi", "-i", fmt.Sprintf(
		"aevalsrc='0.12*sin(2*PI*(180+60*sin(2*PI*0.7*t))*t)*(0.55+0.45*sin(2*PI*4*t))':s=48000:d=%d", materialSeconds+1),
		"-c:a", "libopus", "-b:a", "32k", "-ac", "1", "-frame_duration", "20", "-application", "voip", "-fec", "1",
		"-packet_loss", "10", "-map_metadata", "-1", sound); err != nil {
		return nil, err
	}
	heard, err := os.ReadFile(sound)
	if err != nil {
		return nil, fmt.Errorf("read material: %w", err)
	}
	all := make([]*loop.Loop, len(layers))
	for i, l := range layers {
		file := filepath.Join(folder, l.rid+".h264")
		rate := strconv.Itoa(l.kbits) + "k"
		if err := ffmpeg(ctx, "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%d:duration=%d", l.width, l.height, loop.FrameRate, materialSeconds),
			"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "baseline", "-threads", "1",
			"-b:v", rate, "-maxrate", rate, "-bufsize", strconv.Itoa(l.kbits/2)+"k", "-x264-params",
			fmt.Sprintf("keyint=%d:min-keyint=%d:scenecut=0:bframes=0:ref=1:aud=1:repeat-headers=1:sliced-threads=0:slices=1:rc-lookahead=0", keyEvery, keyEvery),
			"-bsf:v", "filter_units=remove_types=6", "-f", "h264", file); err != nil {
			return nil, err
		}
		seen, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read material: %w", err)
		}
		if all[i], err = loop.Read(seen, heard); err != nil {
			return nil, fmt.Errorf("material %s: %w", l.rid, err)
		}
	}
	return all, nil
}

func ffmpeg(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-y"}, args...)...) //nolint:gosec // our own arguments
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("ffmpeg is needed to make the material")
	}
	if err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	return nil
}
