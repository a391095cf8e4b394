package host

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/bwe"
	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

// hall is a viewer of some publishers, on a line that a test decides on. Nothing in it runs by itself.
type hall struct {
	t         testing.TB
	host      *Host
	engine    *sfu.Engine
	room      *sfu.Room
	session   *session
	now       media.Time
	allotment *allotment
	line      *bwe.Path
	scratch   scratch
}

type deafSink struct{}

func (deafSink) Write(*packetio.Batch, media.Header, []byte) {}
func (deafSink) WriteReport(media.SenderReport)              {}

func newHall(t testing.TB, a Adaptation) *hall {
	t.Helper()
	h := &hall{t: t, now: time.Hour}
	h.engine = sfu.NewEngine(sfu.Options{Workers: 1, Now: func() media.Time { return h.now }})
	h.room = h.engine.NewRoom()
	h.host = &Host{o: Options{Adaptation: a}}
	h.host.allocator.init(h.host)
	h.session = newSession(h.host, stageOne)
	h.allotment = h.host.allocator.of(holder{stage: stageOne, id: "bob"})
	if h.allotment.link != nil {
		h.line = h.allotment.link.Open(nil)
	}
	return h
}

// publish returns a publication of layers with these bitrates, or of one picture, and of sound.
func (h *hall) publish(rates ...int) *mediaSession {
	m := &mediaSession{s: h.session, owner: holder{stage: stageOne, id: "ada"}}
	m.up[media.Audio].Store(h.room.AddUp(source{media.Track{ID: "a", Kind: media.Audio}}))
	for i := range rates {
		track := media.Track{ID: fmt.Sprint("v", i), Kind: media.Video, Codec: media.Codec{Name: "H264", ClockRate: 90000}}
		if len(rates) > 1 {
			track.RID = string("lmh"[i])
		}
		up := h.room.AddUp(source{track})
		if track.RID != "" {
			m.addLayer(up)
		}
		m.up[media.Video].Store(up)
	}
	h.flow(m, rates...)
	return m
}

// flow has some seconds pass in which the publication sends at these bitrates.
func (h *hall) flow(m *mediaSession, rates ...int) {
	ups, _ := m.pictures()
	for range 200 {
		h.now += 20 * time.Millisecond
		h.receive(m.up[media.Audio].Load(), 48_000)
		for i, rate := range rates {
			h.receive(ups[i], rate)
		}
	}
}

func (h *hall) receive(up *sfu.UpTrack, rate int) {
	if rate == 0 {
		return
	}
	n := uint16(h.now / (20 * time.Millisecond))
	for i, left := uint16(0), rate/8/50-12; left > 0; left, i = left-1300, i+1 {
		up.Receive(&media.Packet{Seq: n*20 + i, Timestamp: uint32(n) * 1800, Payload: make([]byte, min(left, 1300)), Arrival: h.now})
	}
}

// watch has bob watch a publication.
func (h *hall) watch(m *mediaSession, publisher live.ParticipantID) *subscribed {
	v := &mediaSession{s: h.session, owner: h.allotment.who, publisher: publisher, allot: h.allotment}
	v.shown.Store(m)
	for _, kind := range []media.Kind{media.Audio, media.Video} {
		v.down[kind].Store(h.room.AddDown(m.up[kind].Load(), deafSink{}))
	}
	h.allotment.add(v)
	return h.allotment.subs[len(h.allotment.subs)-1]
}

// bears has the line bear so much from now on.
func (h *hall) bears(rate media.Bitrate) { h.line.Remote(rate, h.now) }

func (h *hall) settle() mood { return h.allotment.settle(&h.scratch, h.now) }

func (h *hall) told(s *subscribed, layer string, paused bool, reason SubscriptionReason) {
	h.t.Helper()
	want := SubscriptionState{Publisher: s.m.publisher, Layer: layer, Paused: paused, Reason: reason}
	if s.told != want {
		h.t.Errorf("told of %+v, not %+v", s.told, want)
	}
	current, next := s.m.down[media.Video].Load().Wants()
	switch {
	case paused && next != nil:
		h.t.Errorf("not paused: %v is wanted", next.Track())
	case !paused && (next == nil || next.Track().RID != layer):
		h.t.Errorf("%v and %v are wanted, not %q", current, next, layer)
	}
}

func TestAllotment_AHealthyLineNeedsNoAttention(t *testing.T) {
	h := newHall(t, Adaptation{})
	s := h.watch(h.publish(1_500_000), "ada")
	if got := h.settle(); got != settled {
		t.Errorf("mood %v", got)
	}
	h.told(s, "", false, BestThereIs)
}

func TestAllotment_FollowsTheLine(t *testing.T) {
	h := newHall(t, Adaptation{})
	m := h.publish(150_000, 500_000, 1_500_000)
	s := h.watch(m, "ada")
	h.settle()
	h.told(s, "h", false, BestThereIs)
	h.bears(800_000)
	if got := h.settle(); got != wanting {
		t.Errorf("mood %v on a slow line", got)
	}
	h.told(s, "m", false, ByBandwidth)
	h.bears(300_000)
	h.settle()
	h.told(s, "l", false, ByBandwidth)
	h.bears(3_000_000)
	if got := h.settle(); got != content {
		t.Errorf("mood %v on a line with room to spare", got)
	}
	h.told(s, "h", false, BestThereIs)
	c := &h.host.allocator
	if c.downs.Load() != 2 || c.ups.Load() != 1 {
		t.Errorf("%d changes down, %d up", c.downs.Load(), c.ups.Load())
	}
}

func TestAllotment_PausesOnlyWhatDoesNotFitForLong(t *testing.T) {
	h := newHall(t, Adaptation{})
	m := h.publish(1_500_000)
	s := h.watch(m, "ada")
	h.settle()
	h.bears(300_000)
	h.settle()
	h.told(s, "", false, BestThereIs) // it may be a moment's matter
	h.now += pauseAfter - 100*time.Millisecond
	h.bears(300_000)
	h.settle()
	h.told(s, "", false, BestThereIs)
	h.now += 200 * time.Millisecond
	h.bears(300_000)
	h.settle()
	h.told(s, "", true, ByBandwidth)
	if sound := s.m.down[media.Audio].Load(); func() bool { _, next := sound.Wants(); return next == nil }() {
		t.Error("the sound is paused as well")
	}
	if n := h.allotment.pausedNow(); n != 1 {
		t.Errorf("%d pictures count as paused", n)
	}
	h.bears(1_620_000) // it would fit, but only just
	h.flow(m, 1_500_000)
	h.settle()
	h.told(s, "", true, ByBandwidth)
	h.bears(2_500_000)
	h.settle()
	h.told(s, "", false, BestThereIs)
	if c := &h.host.allocator; c.pauses.Load() != 1 || c.resumes.Load() != 1 {
		t.Errorf("%d pauses, %d resumes", c.pauses.Load(), c.resumes.Load())
	}
}

// A limit holds whatever the line bears.
func TestAllotment_KeepsToTheLimitOfADownload(t *testing.T) {
	h := newHall(t, Adaptation{Max: 2_000_000})
	a, b := h.watch(h.publish(150_000, 500_000, 1_500_000), "ada"), h.watch(h.publish(150_000, 500_000, 1_500_000), "eve")
	h.settle()
	used := media.Bitrate(0)
	for _, s := range []*subscribed{a, b} {
		used += s.up.Rate(h.now)
		if s.told.Paused {
			t.Errorf("%+v", s.told)
		}
	}
	if used > 2_000_000 {
		t.Errorf("%d bit/s of a limit of 2,000,000", used)
	}
}

func TestAllotment_WishesAreHeeded(t *testing.T) {
	h := newHall(t, Adaptation{Off: true})
	s := h.watch(h.publish(150_000, 500_000, 1_500_000), "ada")
	wish := func(w Wish) {
		t.Helper()
		w.Publisher = "ada"
		if err := h.allotment.wish(w); err != nil {
			t.Fatal(err)
		}
		h.settle()
	}
	layer, no, yes := "m", false, true
	wish(Wish{Layer: &layer})
	h.told(s, "m", false, ByWish)
	wish(Wish{Video: &no})
	h.told(s, "", true, ByWish)
	if h.allotment.pausedNow() != 0 {
		t.Error("a picture that is not wanted counts as paused")
	}
	wish(Wish{Video: &yes, Audio: &no})
	h.told(s, "m", false, ByWish)
	if _, next := s.m.down[media.Audio].Load().Wants(); next != nil {
		t.Error("sound that is not wanted is sent")
	}
	auto := ""
	wish(Wish{Layer: &auto, Audio: &yes})
	h.told(s, "h", false, BestThereIs)
	if len(h.allotment.wishes) != 0 {
		t.Errorf("wishes that say nothing are kept: %v", h.allotment.wishes)
	}
}

// security.md row 33: a viewer that wants low, then high, a hundred times a second changes what it gets and nothing else.
func TestAllotment_WishesAreBoundedAndOneParticipantsOwn(t *testing.T) {
	h := newHall(t, Adaptation{})
	m := h.publish(150_000, 500_000, 1_500_000)
	s := h.watch(m, "ada")
	other := h.host.allocator.of(holder{stage: stageOne, id: "cyd"})
	v := &mediaSession{s: h.session, owner: other.who, publisher: "ada", allot: other}
	v.shown.Store(m)
	v.down[media.Video].Store(h.room.AddDown(m.up[media.Video].Load(), deafSink{}))
	other.add(v)
	other.settle(&h.scratch, h.now)
	for i := range 100 {
		layer := string("lh"[i%2])
		if err := h.allotment.wish(Wish{Publisher: "ada", Layer: &layer}); err != nil {
			t.Fatal(err)
		}
		h.settle()
		h.told(s, layer, false, map[bool]SubscriptionReason{true: BestThereIs, false: ByWish}[layer == "h"])
		if _, next := v.down[media.Video].Load().Wants(); next.Track().RID != "h" {
			t.Fatalf("another viewer gets %s", next.Track().RID)
		}
	}
	layer := "l"
	var err error
	for i := 0; err == nil && i < 10_000; i++ {
		err = h.allotment.wish(Wish{Publisher: live.ParticipantID(fmt.Sprint("p", i)), Layer: &layer})
	}
	if err == nil || len(h.allotment.wishes) != MaxWishes {
		t.Errorf("%d wishes, %v", len(h.allotment.wishes), err)
	}
}

func TestAllocator_SettlesWhoIsTouchedAndForgetsWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.publish(stageOne, "ada")
		p, _ := h.join(stageOne, "bob")
		layer := "m"
		if err := p.Wish(Wish{Publisher: "ada", Layer: &layer}); err != nil {
			t.Fatal(err)
		}
		c := &h.host.allocator
		who := holder{stage: stageOne, id: "bob"}
		time.Sleep(2 * keepAllotment) // virtual
		synctest.Wait()
		if a := c.find(who); a == nil || a.dirty.Load() {
			t.Fatalf("%+v while its participant is there", a)
		}
		p.Leave()
		time.Sleep(2 * keepAllotment)
		synctest.Wait()
		if c.find(who) != nil {
			t.Error("a wish outlives its participant")
		}
	})
}

// BenchmarkAllocator_Settle is the cost of one participant that watches four, on a line with a bound.
func BenchmarkAllocator_Settle(b *testing.B) {
	h := newHall(b, Adaptation{Start: 2_000_000})
	for i := range 4 {
		h.watch(h.publish(150_000, 500_000, 1_500_000), live.ParticipantID(fmt.Sprint("p", i)))
	}
	h.settle()
	b.ReportAllocs()
	for b.Loop() {
		h.settle()
	}
}
