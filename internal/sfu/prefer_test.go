package sfu

import (
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// camera is one picture in several layers, each with numbers and a clock of its own.
type camera struct {
	house  *house
	layers []*publisher
}

func (h *house) film(layers int) *camera {
	c := &camera{house: h}
	for i := range layers {
		track := h264
		track.RID = string(rune('a' + i))
		p := h.publish(track)
		p.seq, p.ts = uint16(1000+20000*i), uint32(5000+i*1e9)
		c.layers = append(c.layers, p)
	}
	return c
}

// report ties all layers' clocks to one wall clock; late is by how much a layer's is behind the others'.
func (c *camera) report(late ...time.Duration) {
	for i, p := range c.layers {
		ntp := uint64(1<<60) + uint64(c.house.time)<<32/uint64(time.Second)
		ts := p.ts
		if i < len(late) {
			ts += uint32(int64(late[i]) * 90000 / int64(time.Second))
		}
		p.up.ReceiveReport(media.SenderReport{NTP: ntp, RTP: ts, Arrival: c.house.time})
	}
}

// shoot brings a frame of every layer, a key frame of the one named by key.
func (c *camera) shoot(key int) {
	for i, p := range c.layers {
		start := delta
		if i == key {
			start = keyStart
		}
		p.bring(p.frame(start, 1+i)...)
	}
	c.house.pass(frameTime)
}

const frameTime = 3000 * time.Second / 90000

// layerOf tells by the number in a payload which layer it is of.
func layerOf(p written) int {
	n := len(p.payload)
	return (int(p.payload[n-2])<<8 | int(p.payload[n-1]) - 1000) / 20000
}

// steady fails unless numbers follow on each other and time goes on by a frame each frame.
func steady(t *testing.T, packets []written) {
	t.Helper()
	seamless(t, packets)
	for i := 1; i < len(packets); i++ {
		before, p := packets[i-1], packets[i]
		want := uint32(0)
		if before.Marker {
			want = 3000
		}
		if d := p.Timestamp - before.Timestamp; d != want {
			t.Fatalf("packet %d (layer %d) is %d ticks after the one before (layer %d), want %d", i, layerOf(p), d, layerOf(before), want)
		}
	}
}

func TestDownTrack_MovesToALayerAtItsKeyFrameAndSeesTheOldOneUntilThen(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	c.report()
	d, s := h.watch(c.layers[0].up)
	c.shoot(0)
	before := s.take()
	d.Prefer(c.layers[1].up)
	h.turn()
	count(t, "key frames asked of the new layer", c.layers[1].plis, 1)
	for range 5 {
		c.shoot(-1)
	}
	waited := s.take()
	count(t, "packets of the old layer meanwhile", len(waited), 5)
	if d.Current() != c.layers[0].up {
		t.Fatal("the new layer is current before its key frame")
	}
	c.shoot(1)
	c.shoot(-1)
	after := s.take()
	if d.Current() != c.layers[1].up {
		t.Fatal("the new layer is not current")
	}
	// The old layer's frame of the same moment had come already: a key frame a millisecond later.
	count(t, "packets", len(after), 1+2+2)
	all := append(append(before, waited...), after...)
	seamless(t, all)
	if gap := after[1].Timestamp - after[0].Timestamp; gap != 90 {
		t.Fatalf("the key frame of the same moment is %d ticks later", gap)
	}
	if gap := after[3].Timestamp - after[0].Timestamp; gap != 3000 {
		t.Fatalf("the frame after it is %d ticks later", gap)
	}
	count(t, "moves", int(d.Stats().Moves), 1)
	count(t, "viewers of the old layer", c.layers[0].up.Viewers(), 0)
	count(t, "viewers of the new layer", c.layers[1].up.Viewers(), 1)
}

func TestDownTrack_LatenessOfMovesDoesNotAddUp(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	c.report()
	d, s := h.watch(c.layers[0].up)
	c.shoot(0)
	first := s.take()[0].Timestamp
	for i := range 40 {
		to := 1 - i%2
		d.Prefer(c.layers[to].up)
		h.turn()
		c.shoot(-1)
		c.shoot(to)
	}
	all := s.take()
	last := all[len(all)-1]
	if late := int32(last.Timestamp - first - 80*3000); late < 0 || late > 90 {
		t.Fatalf("after 40 moves the viewer is %d ticks late", late)
	}
}

// A layer whose encoder is slower keeps its place in time: what it shows was taken when its reports say.
func TestDownTrack_AlignsLayersByTheirReports(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	c.report(0, 50*time.Millisecond) // the second layer's frames are 50 ms old
	d, s := h.watch(c.layers[1].up)
	c.shoot(1)
	d.Prefer(c.layers[0].up)
	h.turn()
	c.shoot(0)
	got := s.take()
	key := got[len(got)-1]
	if d := key.Timestamp - got[len(got)-2].Timestamp; layerOf(key) != 0 || d != 3000+4500 && d != 4500 {
		t.Fatalf("layer %d, %d ticks later", layerOf(key), d)
	}
}

func TestDownTrack_WithoutReportsArrivalsTellTheTime(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	d, s := h.watch(c.layers[0].up)
	c.shoot(0)
	before := s.take()
	d.Prefer(c.layers[1].up)
	h.turn()
	h.pass(time.Second)
	c.layers[1].bring(c.layers[1].frame(keyStart, 2)...)
	after := s.take()
	if d := after[0].Timestamp - before[0].Timestamp; d < 92990 || d > 93000 {
		t.Fatalf("a second and a frame passed as %d ticks", d)
	}
	seamless(t, append(before, after...))
}

func TestDownTrack_NonsensicalReportsAreNotBelieved(t *testing.T) {
	for _, ntp := range []uint64{1, 1 << 63, 1<<60 + 3600<<32} {
		h := newHouse(1)
		c := h.film(2)
		c.report()
		c.layers[1].up.ReceiveReport(media.SenderReport{NTP: ntp, RTP: 77})
		d, s := h.watch(c.layers[0].up)
		c.shoot(0)
		before := s.take()
		d.Prefer(c.layers[1].up)
		h.turn()
		c.shoot(1)
		after := s.take()
		all := append(before, after...)
		seamless(t, all)
		if d := after[len(after)-1].Timestamp - before[0].Timestamp; d < 3000 || d > 6000 {
			t.Fatalf("report %x: a frame passed as %d ticks", ntp, d)
		}
	}
}

func TestDownTrack_FinishesTheOldFrameBeforeItMoves(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	c.report()
	d, s := h.watch(c.layers[0].up)
	c.shoot(0)
	s.take()
	old := c.layers[0].frame(delta, 3)
	c.layers[0].bring(old[0])
	d.Prefer(c.layers[1].up)
	h.turn()
	key := c.layers[1].frame(keyStart, 4)
	c.layers[1].bring(key[:2]...)
	count(t, "packets while the old frame is not whole", len(s.take()), 1)
	c.layers[0].bring(old[1:]...)
	c.layers[1].bring(key[2:]...)
	got := s.take()
	count(t, "packets", len(got), 2+4)
	seamless(t, got)
	if !got[1].Marker || layerOf(got[1]) != 0 || layerOf(got[2]) != 1 || !got[5].Marker {
		t.Fatalf("the frames are not whole: %+v", got)
	}
}

func TestDownTrack_DoesNotWaitForAFrameThatIsLost(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	d, s := h.watch(c.layers[0].up)
	c.shoot(0)
	c.layers[0].bring(c.layers[0].frame(delta, 3)[:2]...)
	s.take()
	d.Prefer(c.layers[1].up)
	h.turn()
	c.layers[1].bring(c.layers[1].frame(keyStart, 2)...)
	h.pass(frameWait)
	c.layers[1].bring(c.layers[1].frame(delta, 2)...)
	got := s.take()
	count(t, "packets", len(got), 4)
	seamless(t, got)
}

func TestDownTrack_TakesAKeyFrameThatHasJustComeButNoOlderOne(t *testing.T) {
	for _, c := range []struct {
		age   int // frames
		moves bool
	}{{2, true}, {20, false}} {
		h := newHouse(1)
		cam := h.film(2)
		d, s := h.watch(cam.layers[0].up)
		cam.shoot(0)
		cam.shoot(1)
		for range c.age {
			cam.shoot(-1)
		}
		s.take()
		d.Prefer(cam.layers[1].up)
		h.turn()
		if moved := d.Current() == cam.layers[1].up; moved != c.moves {
			t.Errorf("a key frame %d frames old: moved %v", c.age, moved)
		}
		if c.moves {
			count(t, "packets caught up with", len(s.take()), 2*(c.age+1))
			count(t, "key frames asked for", cam.layers[1].plis, 0)
			cam.shoot(-1)
			count(t, "packets of the next frame", len(s.take()), 2)
		} else {
			count(t, "key frames asked for", cam.layers[1].plis, 1)
		}
	}
}

func TestDownTrack_GoesBackOnAPreference(t *testing.T) {
	h := newHouse(1)
	c := h.film(3)
	d, s := h.watch(c.layers[0].up)
	c.shoot(0)
	d.Prefer(c.layers[1].up)
	h.turn()
	d.Prefer(c.layers[2].up)
	h.turn()
	count(t, "viewers of the layer that was wanted first", c.layers[1].up.Viewers(), 0)
	d.Prefer(c.layers[0].up)
	h.turn()
	c.shoot(1)
	c.shoot(2)
	steady(t, s.take())
	if d.Current() != c.layers[0].up || c.layers[2].up.Viewers() != 0 {
		t.Fatal("it moved after all")
	}
}

func TestDownTrack_RepeatsPacketsOfTheLayerBefore(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	d, s := h.watch(c.layers[0].up)
	c.shoot(0)
	c.shoot(-1)
	old := s.take()
	d.Prefer(c.layers[1].up)
	h.turn()
	c.shoot(1)
	c.shoot(-1)
	s.take()
	for _, want := range old {
		h.pass(time.Second)
		d.Nack([]uint16{want.Seq}, h.time)
		h.turn()
		got := s.take()
		if len(got) != 1 || got[0].Timestamp != want.Timestamp || string(got[0].payload) != string(want.payload) || !got[0].Repeat {
			t.Fatalf("number %d of the layer before is repeated as %+v", want.Seq, got)
		}
	}
}

func TestDownTrack_PreferWithNothingShownIsSwitch(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	d, s := h.watch(nil)
	c.shoot(1)
	d.Prefer(c.layers[1].up)
	h.turn()
	count(t, "packets at once", len(s.take()), 2)

	d.Pause()
	h.turn()
	count(t, "viewers in a pause", c.layers[1].up.Viewers(), 0)
	d.Prefer(c.layers[0].up)
	h.turn()
	c.shoot(0)
	count(t, "packets in a pause", len(s.take()), 0)
	d.Resume()
	h.turn()
	c.shoot(-1)
	got := s.take()
	if len(got) != 2 || layerOf(got[0]) != 0 {
		t.Fatalf("after the pause %+v", got)
	}
	seamless(t, got)
}

func TestDownTrack_GivesUpOnALayerThatCloses(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	d, s := h.watch(c.layers[0].up)
	c.shoot(0)
	d.Prefer(c.layers[1].up)
	h.turn()
	c.layers[1].up.Close()
	c.layers[1].bring(c.layers[1].frame(keyStart, 2)...)
	c.layers[0].bring(c.layers[0].frame(delta, 2)...)
	for _, p := range s.take() {
		if layerOf(p) != 0 {
			t.Fatal("it moved to a layer that is closed")
		}
	}
	d.Close()
	h.turn()
	count(t, "viewers", c.layers[0].up.Viewers()+c.layers[1].up.Viewers(), 0)
}

func TestDownTrack_WaitingForItsFirstPictureTakesWhicheverComesFirst(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	d, s := h.watch(c.layers[1].up)
	d.Prefer(c.layers[0].up)
	h.turn()
	c.shoot(1)
	if d.Current() != c.layers[1].up || len(s.take()) != 2 {
		t.Fatal("the first picture was not shown")
	}
	c.shoot(0)
	if d.Current() != c.layers[0].up {
		t.Fatal("it did not move on")
	}
}

// security.md row 33: someone who asks for low and high a hundred times a second harms nobody else, and costs the
// publisher a key frame a second.
func TestDownTrack_ARestlessViewerHarmsNobody_Row33(t *testing.T) {
	h := newHouse(1)
	c := h.film(2)
	c.report()
	d, _ := h.watch(c.layers[0].up)
	_, calm := h.watch(c.layers[1].up)
	c.shoot(1)
	const seconds = 10
	for i := range seconds * 30 {
		for j := range 4 {
			d.Prefer(c.layers[(i+j)%2].up)
			h.turn()
		}
		c.shoot(i % 30 / 15)
	}
	steady(t, calm.take())
	for i, p := range c.layers {
		if p.plis > seconds+1 {
			t.Errorf("layer %d was asked for %d key frames in %d s", i, p.plis, seconds)
		}
	}
}

// security.md row 32: however many viewers ask, and however often, a layer is asked for a key frame once a second.
func TestUpTrack_AStormOfKeyFrameWishesIsOneASecondAndLayer_Row32(t *testing.T) {
	h := newHouse(2)
	c := h.film(3)
	var downs []*DownTrack
	for i := range 999 {
		downs = append(downs, h.room.AddDown(c.layers[i%3].up, discard{}))
	}
	h.turn()
	const seconds = 3
	for range seconds * 10 {
		for _, d := range downs {
			d.WantKeyFrame(h.time)
		}
		h.turn()
		h.engine.wishes.tick(h.time)
		c.shoot(-1)
		h.pass(100*time.Millisecond - frameTime)
	}
	for i, p := range c.layers {
		if p.plis < seconds-1 || p.plis > seconds+1 {
			t.Errorf("layer %d was asked %d times in %d s", i, p.plis, seconds)
		}
	}
}

func TestUpTrack_TellsItsRate(t *testing.T) {
	h := newHouse(1)
	p := h.publish(h264)
	if r := p.up.Rate(h.time); r != 0 || p.up.Alive(h.time) {
		t.Fatalf("rate %d before the first packet", r)
	}
	k := p.packet(delta, true)
	k.Payload = append(k.Payload, make([]byte, 1250-packetHead-len(k.Payload))...)
	for range 300 { // 10 kbit each, 100 a second
		k.Arrival = h.time
		p.up.Receive(k)
		k.Seq++
		h.pass(10 * time.Millisecond)
	}
	if r := p.up.Rate(h.time); r < 950_000 || r > 1_050_000 || !p.up.Alive(h.time) {
		t.Fatalf("rate %d, want a million", r)
	}
	h.pass(aliveFor)
	if r := p.up.Rate(h.time); r != 0 || p.up.Alive(h.time) {
		t.Fatalf("rate %d after the last packet", r)
	}
	woken := 0
	p.up.Sleep(func() { woken++ })
	if r := p.up.Rate(h.time); r == 0 || !p.up.Alive(h.time) || !p.up.Asleep() {
		t.Fatalf("rate %d asleep", r)
	}
	d, _ := h.watch(nil)
	d.Prefer(p.up)
	d.Prefer(p.up)
	if woken != 1 || p.up.Asleep() || !p.up.Alive(h.time) {
		t.Fatalf("woken %d times", woken)
	}
	h.pass(wakeGrace)
	if p.up.Alive(h.time) {
		t.Fatal("alive although nothing comes")
	}
}
