package demo

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/media"
)

// taken remembers what a receiver got.
type taken struct {
	packets []media.Packet
	reports []media.SenderReport
	flushes int
}

func (r *taken) Receive(p *media.Packet)            { r.packets = append(r.packets, *p) }
func (r *taken) ReceiveReport(s media.SenderReport) { r.reports = append(r.reports, s) }
func (r *taken) Flush(media.Time)                   { r.flushes++ }

// play runs a player for d of virtual time.
func play(t *testing.T, d time.Duration) (video, audio *taken, l *loop.Loop) {
	t.Helper()
	l, err := loop.Load()
	if err != nil {
		t.Fatal(err)
	}
	video, audio = &taken{}, &taken{}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		newPlayer(l, video, audio, func() media.Time { return time.Since(start) }).run(ctx)
	})
	return video, audio, l
}

func TestPlayer_KeepsRealTimeOverTheLoopsEnd(t *testing.T) {
	const d = 30 * time.Second // two and a half rounds
	video, audio, _ := play(t, d)
	if want := int(d/time.Second) * loop.FrameRate; video.flushes < want || video.flushes > want+1 {
		t.Errorf("%d pictures in %v, want %d", video.flushes, d, want)
	}
	if want := int(d / loop.SoundTime); len(audio.packets) < want || len(audio.packets) > want+1 {
		t.Errorf("%d sound packets in %v, want %d", len(audio.packets), d, want)
	}
	for i, p := range audio.packets {
		if want := time.Duration(i) * loop.SoundTime; p.Arrival < want || p.Arrival > want+time.Millisecond {
			t.Fatalf("sound packet %d was sent at %v, want %v", i, p.Arrival, want)
		}
	}
}

func TestPlayer_ClocksAndNumbersGoOnOverTheLoopsEnd(t *testing.T) {
	video, audio, _ := play(t, 25*time.Second)
	for i := 1; i < len(video.packets); i++ {
		a, b := video.packets[i-1], video.packets[i]
		if b.Seq != a.Seq+1 {
			t.Fatalf("packet %d: sequence number %d after %d", i, b.Seq, a.Seq)
		}
		step := uint32(0)
		if a.Marker {
			step = frameTicks
		}
		if b.Timestamp != a.Timestamp+step {
			t.Fatalf("packet %d: timestamp %d after %d", i, b.Timestamp, a.Timestamp)
		}
	}
	for i := 1; i < len(audio.packets); i++ {
		a, b := audio.packets[i-1], audio.packets[i]
		if b.Seq != a.Seq+1 || b.Timestamp != a.Timestamp+soundTicks {
			t.Fatalf("sound packet %d does not follow the one before", i)
		}
	}
}

// RFC 3550 section 6.4.1: both reports name the same moment on the wall and on their track's clock.
func TestPlayer_ReportsKeepTheMediaTogether(t *testing.T) {
	video, audio, _ := play(t, 25*time.Second)
	if n := len(video.reports); n < 24 || n > 26 || n != len(audio.reports) {
		t.Fatalf("%d and %d reports in 25 s, want one each second", n, len(audio.reports))
	}
	for i := range video.reports {
		v, a := video.reports[i], audio.reports[i]
		if v.NTP != a.NTP {
			t.Errorf("report %d: the walls differ", i)
		}
		if dv, da := float64(v.RTP)/90000, float64(a.RTP)/48000; dv-da > 0.001 || da-dv > 0.001 {
			t.Errorf("report %d: picture at %.3f s, sound at %.3f s", i, dv, da)
		}
	}
	first, last := video.reports[0], video.reports[len(video.reports)-1]
	wall := float64(last.NTP-first.NTP) / (1 << 32)
	if rtp := float64(last.RTP-first.RTP) / 90000; rtp-wall > 0.001 || wall-rtp > 0.001 {
		t.Errorf("%.3f s on the wall, %.3f s on the track's clock", wall, rtp)
	}
}
