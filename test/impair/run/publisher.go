package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
)

// publisher plays material in real time, each layer for itself. Who asks for a key frame gets the material's next
// one at once.
type publisher struct {
	who    *client.Participant
	video  []*sending
	audio  *webrtc.TrackLocalStaticRTP
	sound  [][]byte
	end    context.CancelFunc
	ended  sync.WaitGroup
	wishes atomic.Uint64
}

// sending is one layer.
type sending struct {
	track  *webrtc.TrackLocalStaticRTP
	frames []loop.Frame
	at     int // in frames
	seq    uint16
	wished atomic.Bool
	rests  atomic.Bool // nobody watches it
}

// publish sends some layers of the material; recovery is whether lost packets are sent again.
func publish(ctx context.Context, token string, material []*loop.Loop, transport http.RoundTripper, recovery bool) (*publisher, error) {
	p := &publisher{sound: material[0].Sound}
	if !recovery {
		transport = &plain{transport}
	}
	var err error
	if p.who, err = client.Join(ctx, token, client.Options{HTTP: &http.Client{Transport: transport, Timeout: 15 * time.Second}}); err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	if err := p.offer(ctx, material); err != nil {
		_ = p.who.Leave(context.WithoutCancel(ctx))
		return nil, err
	}
	run, end := context.WithCancel(context.WithoutCancel(ctx))
	p.end = end
	p.ended.Go(func() { p.play(run) })
	return p, nil
}

func (p *publisher) offer(ctx context.Context, material []*loop.Loop) (err error) {
	if p.audio, err = client.NewOpusTrack("voice"); err != nil {
		return err
	}
	tracks := []webrtc.TrackLocal{p.audio}
	for i, m := range material {
		track, err := client.NewH264Layer("picture", layers[i].rid)
		if len(material) == 1 {
			track, err = client.NewH264Track("picture")
		}
		if err != nil {
			return err
		}
		p.video = append(p.video, &sending{track: track, frames: m.Frames})
		tracks = append(tracks, track)
	}
	_, err = p.who.Publish(ctx, client.PublishOptions{
		OnKeyFrame: func() { p.wish("") }, OnLayerKeyFrame: p.wish, OnLayersWanted: p.want,
	}, tracks...)
	return err
}

// wish has a layer go on with a key frame, or all of them.
func (p *publisher) wish(rid string) {
	p.wishes.Add(1)
	for _, s := range p.video {
		if rid == "" || s.track.RID() == rid {
			s.wished.Store(true)
		}
	}
}

// want stops the layers that nobody watches, and has those that somebody does begin with a key frame.
func (p *publisher) want(wanted map[string]bool) {
	for _, s := range p.video {
		want, told := wanted[s.track.RID()]
		if rests := told && !want; s.rests.Swap(rests) && !rests {
			s.wished.Store(true)
		}
	}
}

// play sends until ctx is done.
func (p *publisher) play(ctx context.Context) {
	const frameTicks, soundTicks = loop.VideoClock / loop.FrameRate, loop.SoundClock / 50
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	frames, packets := 0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		nextFrame := func() time.Duration { return time.Duration(frames) * time.Second / loop.FrameRate }
		nextSound := func() time.Duration { return time.Duration(packets) * loop.SoundTime }
		now := time.Since(start)
		for nextFrame() <= now {
			for _, s := range p.video {
				s.frame(uint32(frames * frameTicks))
			}
			frames++
		}
		for nextSound() <= now {
			_ = p.audio.WriteRTP(&rtp.Packet{
				Header: rtp.Header{
					Version: 2, SequenceNumber: uint16(packets), Timestamp: uint32(packets * soundTicks), Marker: packets == 0,
				},
				Payload: p.sound[packets%len(p.sound)],
			})
			packets++
		}
		timer.Reset(min(nextFrame(), nextSound()) - time.Since(start))
	}
}

func (s *sending) frame(stamp uint32) {
	if s.rests.Load() {
		return
	}
	if s.wished.Swap(false) {
		for !s.frames[s.at%len(s.frames)].Key {
			s.at++
		}
	}
	payloads := s.frames[s.at%len(s.frames)].Payloads
	s.at++
	for i, payload := range payloads {
		s.seq++
		_ = s.track.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: s.seq, Timestamp: stamp, Marker: i == len(payloads)-1},
			Payload: payload,
		})
	}
}

func (p *publisher) stop(ctx context.Context) {
	p.end()
	p.ended.Wait()
	_ = p.who.Leave(ctx)
}
