package sfu

import (
	"bytes"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

func TestDownTrack_StartsAtAKeyFrame(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	_, s := h.watch(p.up)
	count(t, "key frames asked for", p.plis, 1)
	p.bring(p.frame(delta, 3)...)
	count(t, "packets before a key frame", len(s.take()), 0)
	p.bring(p.frame(keyStart, 4)...)
	p.bring(p.frame(delta, 2)...)
	got := s.take()
	count(t, "packets", len(got), 6)
	seamless(t, got)
	if !bytes.HasPrefix(got[0].payload, keyStart) || !got[3].Marker || got[2].Marker {
		t.Fatalf("the key frame was not passed on as it was: %+v", got[:4])
	}
}

func TestDownTrack_ShowsAPictureAtOnceFromTheCache(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	p.bring(p.frame(delta, 2)...)
	p.bring(p.frame(keyStart, 3)...)
	for range 10 {
		h.pass(33 * time.Millisecond)
		p.bring(p.frame(delta, 2)...)
	}
	_, s := h.watch(p.up)
	got := s.take()
	count(t, "packets at once", len(got), 23)
	count(t, "key frames asked for", p.plis, 0)
	if d := got[22].Timestamp - got[0].Timestamp; d != 10*3000/32 {
		t.Fatalf("ten frames were replayed as %d ticks", d)
	}
	h.pass(33 * time.Millisecond)
	p.bring(p.frame(delta, 2)...)
	live := s.take()
	seamless(t, append(got, live...))
	if d := live[0].Timestamp - got[22].Timestamp; d != 3000 {
		t.Fatalf("the first live frame is %d ticks later", d)
	}
}

func TestDownTrack_ReplaysInParts(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	p.bring(p.frame(keyStart, 3)...)
	for range 50 {
		p.bring(p.frame(delta, 2)...)
	}
	_, s := h.watch(p.up)
	all := s.take()
	count(t, "packets at once", len(all), replayPart)
	h.turn()
	count(t, "packets in the pause", len(s.take()), 0)
	for range 2 {
		p.bring(p.frame(delta, 2)...) // not shown before its turn
		count(t, "packets in the pause", len(s.take()), 0)
		h.pass(replayPause)
		h.turn()
		all = append(all, s.take()...)
	}
	count(t, "packets in the end", len(all), 3+2*52)
	p.bring(p.frame(delta, 2)...)
	live := s.take()
	count(t, "packets of a live frame", len(live), 2)
	if d := live[0].Timestamp - all[len(all)-1].Timestamp; d != 3000 {
		t.Fatalf("the first live frame is %d ticks later", d)
	}
	seamless(t, append(all, live...))
}

func TestDownTrack_AsksForAKeyFrameWhenTheLastIsFarBack(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	p.bring(p.frame(keyStart, 3)...)
	for range maxReplay / 2 {
		p.bring(p.frame(delta, 2)...)
	}
	_, s := h.watch(p.up)
	count(t, "packets", len(s.take()), 0)
	count(t, "key frames asked for", p.plis, 1)
}

func TestDownTrack_GetsNothingTwiceWhenItComesBetweenArrivalAndTurn(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	h.watch(p.up)
	p.bring(p.frame(keyStart, 3)...)
	for _, k := range p.frame(delta, 2) {
		p.up.Receive(k)
	}
	_, s := h.watch(p.up)
	count(t, "packets of the replay", len(s.packets), 3)
	p.up.Flush(h.time)
	h.turn()
	got := s.take()
	count(t, "packets", len(got), 5)
	seamless(t, got)
}

func TestDownTrack_SwitchToTheSameTrackChangesNothing(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 3)...)
	d.Switch(p.up)
	h.turn()
	p.bring(p.frame(delta, 1)...)
	got := s.take()
	count(t, "packets", len(got), 4)
	seamless(t, got)
}

func TestDownTrack_SoundStartsWithTheNextPacket(t *testing.T) {
	h := newHouse(1)
	p := h.publish(opus)
	p.bring(p.packet([]byte{0x78}, false))
	_, s := h.watch(p.up)
	p.bring(p.packet([]byte{0x78}, false))
	count(t, "packets", len(s.take()), 1)
	count(t, "key frames asked for", p.plis, 0)
}

func TestDownTrack_ProbesLeaveNoGap(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	_, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 2)...)
	probe := func() *media.Packet { k := p.packet(nil, false); k.Payload = nil; return k }
	p.bring(probe(), probe())
	p.bring(p.frame(delta, 2)...)
	got := s.take()
	count(t, "packets", len(got), 4)
	seamless(t, got)

	late := probe()
	p.bring(p.frame(delta, 1)...)
	p.bring(late)
	got = s.take()
	count(t, "packets", len(got), 2)
	if got[1].Seq != got[0].Seq-1 || len(got[1].payload) != 0 {
		t.Fatalf("the gap of an overtaken probe is not filled: %+v", got)
	}
}

func TestDownTrack_PassesLatePacketsOnInTheirPlace(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	_, s := h.watch(p.up)
	f := p.frame(keyStart, 4)
	p.bring(f[0], f[1], f[3])
	f[2].Repeat = true
	p.bring(f[2], f[2])
	got := s.take()
	count(t, "packets", len(got), 4)
	if first := got[0].Seq; got[2].Seq != first+3 || got[3].Seq != first+2 || got[3].Repeat {
		t.Fatalf("numbers %v", numbersOf(got))
	}
	if s := p.up.Stats(); s.Duplicates != 1 || s.Recovered != 1 || s.Lost != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestDownTrack_SwitchesSeamlesslyAndOnlyAtKeyFrames(t *testing.T) {
	h := newHouse(2)
	a, b := h.publish(h264), h.publish(h264)
	b.seq, b.ts = 40000, 1<<31
	d, s := h.watch(a.up)
	a.bring(a.frame(keyStart, 3)...)
	before := s.take()
	h.pass(100 * time.Millisecond)
	d.Switch(b.up)
	h.turn()
	a.bring(a.frame(keyStart, 3)...)
	b.bring(b.frame(delta, 3)...)
	count(t, "packets without a key frame", len(s.take()), 0)
	b.bring(b.frame(keyStart, 2)...)
	after := s.take()
	count(t, "packets", len(after), 2)
	seamless(t, append(before, after...))
	if d := after[0].Timestamp - before[2].Timestamp; d != 9000 {
		t.Fatalf("100 ms passed as %d ticks", d)
	}
	if !bytes.Equal(after[0].payload[len(keyStart):], []byte{40003 >> 8, 40003 & 0xff}) {
		t.Fatalf("began at %x", after[0].payload)
	}
}

func TestDownTrack_PauseStopsAndResumeBeginsAtAKeyFrame(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	d, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 2)...)
	first := s.take()
	d.Pause()
	h.turn()
	p.bring(p.frame(delta, 2)...)
	p.bring(p.frame(keyStart, 2)...)
	count(t, "packets in the pause", len(s.take()), 0)
	d.Resume()
	h.turn()
	p.bring(p.frame(delta, 1)...)
	got := s.take()
	count(t, "packets", len(got), 3)
	seamless(t, append(first, got...))
}

func TestDownTrack_BeginsAgainAtAKeyFrameAfterALongGap(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	_, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 2)...)
	before := s.take()
	h.pass(2 * time.Second)
	p.seq += maxGap + 1
	p.bring(p.frame(delta, 2)...)
	count(t, "packets after the gap", len(s.take()), 0)
	count(t, "key frames asked for", p.plis, 2)
	p.bring(p.frame(keyStart, 2)...)
	after := s.take()
	count(t, "packets", len(after), 2)
	seamless(t, append(before, after...))
}

func TestDownTrack_SoundGoesOnAfterALongGap(t *testing.T) {
	h := newHouse(1)
	p := h.publish(opus)
	_, s := h.watch(p.up)
	p.bring(p.packet([]byte{0x78}, false))
	p.seq += 2000
	p.bring(p.packet([]byte{0x78}, false), p.packet([]byte{0x78}, false))
	got := s.take()
	count(t, "packets", len(got), 3)
	seamless(t, got)
}

// security.md row 30: a sender that begins anew with other numbers is followed at its second packet.
func TestDownTrack_FollowsASenderThatBeginsAnew(t *testing.T) {
	for _, jump := range []uint16{1 << 15, 20000, 50000} {
		h := newHouse(1)
		p := h.publish(opus)
		_, s := h.watch(p.up)
		p.bring(p.packet([]byte{0x78}, false))
		p.seq += jump
		for range 4 {
			p.bring(p.packet([]byte{0x78}, false))
		}
		got := s.take()
		count(t, "packets", len(got), 4)
		seamless(t, got)
		count(t, "packets asked for", len(p.nacks), 0)
	}
}

func TestDownTrack_LosesItsPlaceWhenTheWorkerIsLate(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	_, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 2)...)
	before := s.take()
	h.pass(2 * time.Second)
	for range p.up.ring.Len() { // nobody takes a turn
		p.up.Receive(p.packet(delta, true))
	}
	p.bring(p.frame(delta, 2)...)
	count(t, "packets", len(s.take()), 0)
	count(t, "key frames asked for", p.plis, 2)
	p.bring(p.frame(keyStart, 2)...)
	seamless(t, append(before, s.take()...))
}

func TestDownTrack_MapsSenderReportsToTheViewersTime(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	p.up.ReceiveReport(media.SenderReport{NTP: 1 << 40, RTP: 5000})
	_, s := h.watch(p.up)
	p.bring(p.frame(keyStart, 2)...)
	got := s.take()
	if len(s.reports) != 1 || s.reports[0].RTP != got[0].Timestamp {
		t.Fatalf("at the start: %+v, want time %d", s.reports, got[0].Timestamp)
	}
	p.up.ReceiveReport(media.SenderReport{NTP: 2 << 40, RTP: 5000 + 90000})
	p.up.Flush(h.time)
	h.turn()
	if len(s.reports) != 2 || s.reports[1].RTP != got[0].Timestamp+90000 || s.reports[1].NTP != 2<<40 {
		t.Fatalf("later: %+v", s.reports)
	}
}

func TestDownTrack_CarriesLoudness(t *testing.T) {
	h := newHouse(1)
	p := h.publish(opus)
	_, s := h.watch(p.up)
	k := p.packet([]byte{0x78}, true)
	k.Level, k.HasLevel = 42, true
	p.bring(k)
	if got := s.take(); !got[0].HasLevel || got[0].Level != 42 || p.up.Stats().Level != 42 {
		t.Fatalf("%+v", got)
	}
}

func TestDownTrack_CloseEndsItForGood(t *testing.T) {
	h := newHouse(1)
	p := h.publish(opus)
	d, s := h.watch(p.up)
	d.Close()
	d.Close()
	d.Switch(p.up)
	h.turn()
	p.bring(p.packet([]byte{0x78}, false))
	count(t, "packets", len(s.take()), 0)
	count(t, "viewers", int(p.up.shares[0].viewers.Load()), 0)
	p.up.Close()
	up, down := h.room.Tracks()
	count(t, "tracks", up+down, 0)
	if w := h.engine.workers[0].weight.Load(); w != 0 {
		t.Fatalf("the worker's weight is %d", w)
	}
}

func TestRoom_CloseClosesItsTracks(t *testing.T) {
	h := newHouse(2)
	p := h.publish(opus)
	_, s := h.watch(p.up)
	h.room.Close()
	h.turn()
	p.bring(p.packet([]byte{0x78}, false))
	h.watch(p.up)
	p.bring(p.packet([]byte{0x78}, false))
	count(t, "packets", len(s.take()), 0)
	up, down := h.room.Tracks()
	count(t, "tracks", up+down, 0)
}
