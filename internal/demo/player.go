package demo

import (
	"context"
	"time"

	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/media"
)

const (
	reportEvery = time.Second
	frameTicks  = loop.VideoClock / loop.FrameRate
	soundTicks  = loop.SoundClock / 50 // 20 ms
	// ntpEpoch is 1970 in NTP seconds (RFC 5905 section 6).
	ntpEpoch = 2208988800
)

// player plays a loop in real time into two receivers. One goroutine, the caller's of run, does it all.
type player struct {
	loop         *loop.Loop
	video, audio media.Receiver
	now          func() media.Time // the process's monotonic clock

	frames, packets int // sent so far, over all rounds
	videoSeq        rtp.Sequencer
	audioSeq        rtp.Sequencer
	packet          media.Packet // handed over, one after another
}

func newPlayer(l *loop.Loop, video, audio media.Receiver, now func() media.Time) *player {
	return &player{
		loop: l, video: video, audio: audio, now: now,
		videoSeq: rtp.NewRandomSequencer(), audioSeq: rtp.NewRandomSequencer(),
	}
}

// run plays until ctx is done. RTP clocks and sequence numbers go on over the loop's ends. After a stall, such as
// a suspended machine, it goes on from now instead of catching up.
func (p *player) run(ctx context.Context) {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	nextReport := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		at := time.Since(start)
		if late := at - min(p.nextFrame(), p.nextSound()); late > time.Second {
			start = start.Add(late)
			at -= late
		}
		if at >= nextReport {
			p.report(at)
			nextReport = at + reportEvery
		}
		for p.nextFrame() <= at {
			p.sendFrame()
		}
		for p.nextSound() <= at {
			p.sendSound()
		}
		timer.Reset(min(p.nextFrame(), p.nextSound()) - time.Since(start))
	}
}

func (p *player) nextFrame() time.Duration {
	return time.Duration(p.frames) * time.Second / loop.FrameRate
}

func (p *player) nextSound() time.Duration { return time.Duration(p.packets) * loop.SoundTime }

func (p *player) sendFrame() {
	f := &p.loop.Frames[p.frames%len(p.loop.Frames)]
	now := p.now()
	for i, payload := range f.Payloads {
		p.packet = media.Packet{
			Seq: p.videoSeq.NextSequenceNumber(), Timestamp: uint32(p.frames * frameTicks),
			Marker: i == len(f.Payloads)-1, Payload: payload, Arrival: now,
		}
		p.video.Receive(&p.packet)
	}
	p.video.Flush(now)
	p.frames++
}

func (p *player) sendSound() {
	now := p.now()
	p.packet = media.Packet{
		Seq: p.audioSeq.NextSequenceNumber(), Timestamp: uint32(p.packets * soundTicks),
		Marker: p.packets == 0, Payload: p.loop.Sound[p.packets%len(p.loop.Sound)], Arrival: now,
	}
	p.audio.Receive(&p.packet)
	p.audio.Flush(now)
	p.packets++
}

// report ties both RTP clocks to the same moment, at after the start: that is what keeps lips in sync.
func (p *player) report(at time.Duration) {
	ntp, now := ntpTime(time.Now()), p.now()
	p.video.ReceiveReport(media.SenderReport{NTP: ntp, RTP: ticks(at, loop.VideoClock), Arrival: now})
	p.audio.ReceiveReport(media.SenderReport{NTP: ntp, RTP: ticks(at, loop.SoundClock), Arrival: now})
}

// ticks returns d on an RTP clock, modulo 2^32.
func ticks(d time.Duration, rate uint64) uint32 {
	return uint32(uint64(d.Microseconds()) * rate / 1e6)
}

// ntpTime returns t as 32 bits of seconds and 32 of their fraction.
func ntpTime(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}
