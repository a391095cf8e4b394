package host

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

// The beginnings of key frames of different sizes: STAP-A of SPS and PPS.
var keyOf = map[string][]byte{
	"320x180":  stapA([]byte{0x67, 0x42, 0xe0, 0x1f, 0xda, 0x05, 0x06, 0x7e, 0x74}),
	"640x360":  stapA([]byte{0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x40}),
	"1280x720": stapA([]byte{0x67, 0x42, 0xe0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe4}),
}

func stapA(sps []byte) []byte {
	b := append([]byte{0x78, 0, byte(len(sps))}, sps...)
	return append(b, 0, 2, 0x68, 0xce)
}

// layeredSource is a layer of a publisher inside the process.
type layeredSource struct {
	track media.Track
	mu    sync.Mutex
	asked int
}

func (s *layeredSource) Track() media.Track { return s.track }
func (s *layeredSource) RequestKeyFrame() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
}
func (*layeredSource) RequestPackets([]uint16) {}

// studio publishes in layers and heeds which are wanted.
type studio struct {
	h      *house
	pub    *LocalPublication
	socket *fakeSocket
	layers []*studioLayer
}

type studioLayer struct {
	*layeredSource
	to     media.Receiver
	key    []byte
	broken bool
	seq    uint16
	ts     uint32
}

// film publishes layers as the participant; rids has rid=size, in the order of the offer.
func (h *house) film(id live.ParticipantID, socket *fakeSocket, rids ...string) *studio {
	h.t.Helper()
	s := &studio{h: h, socket: socket}
	var sources []media.Source
	for i, r := range rids {
		rid, size, _ := strings.Cut(r, "=")
		l := &studioLayer{
			layeredSource: &layeredSource{track: media.Track{
				ID: "v:" + rid, RID: rid, Kind: media.Video, Codec: media.Codec{Name: "H264", ClockRate: 90000},
			}},
			key: keyOf[size], seq: uint16(i * 1000), ts: uint32(i * 1e9),
		}
		s.layers = append(s.layers, l)
		sources = append(sources, l)
	}
	pub, err := h.host.PublishLocal(h.t.Context(), stageOne, LocalParticipant{ID: id}, sources)
	if err != nil {
		h.t.Fatal(err)
	}
	s.pub = pub
	for i, to := range pub.Receivers() {
		s.layers[i].to = to
	}
	return s
}

// unwanted returns the layers that the socket was told to stop, last.
func (s *fakeSocket) unwanted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rids []string
	if n := len(s.wanted); n > 0 {
		for _, l := range s.wanted[n-1] {
			if !l.Wanted {
				rids = append(rids, l.RID)
			}
		}
	}
	return rids
}

// run films for a while: every layer that is wanted, at thirty frames a second, and a key frame when asked for one.
func (s *studio) run(d time.Duration) {
	for range d / (time.Second / 30) {
		var off []string
		if s.socket != nil {
			off = s.socket.unwanted()
		}
		for _, l := range s.layers {
			if l.broken || slices.Contains(off, l.track.RID) {
				l.mu.Lock()
				l.asked = 1 // it begins with one when it comes back
				l.mu.Unlock()
				continue
			}
			l.frame()
		}
		time.Sleep(time.Second / 30) // of the bubble's time
		synctest.Wait()
	}
}

func (l *studioLayer) frame() {
	l.mu.Lock()
	key := l.asked > 0 || l.seq%1000 == 0
	l.asked = 0
	l.mu.Unlock()
	payload := []byte{0x41, 0x9a, 1, 2, 3}
	if key {
		payload = l.key
	}
	now := media.Now()
	l.to.Receive(&media.Packet{Seq: l.seq, Timestamp: l.ts, Marker: true, Payload: payload, Arrival: now})
	l.to.Flush(now)
	l.seq++
	l.ts += 3000
}

// eye is a viewer's sink that remembers nothing.
type eye struct{}

func (eye) Write(*packetio.Batch, media.Header, []byte) {}
func (eye) WriteReport(media.SenderReport)              {}

// forward runs the engine until the test ends.
func (h *house) forward() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.host.o.Engine.Run(ctx) // returns nil
	}()
	h.t.Cleanup(func() { cancel(); <-done })
}

// view returns what a newcomer is told of the participant's layers, as rid:size:active.
func (h *house) view(id live.ParticipantID) string {
	h.t.Helper()
	s := h.host.lookup(stageOne)
	s.mu.Lock()
	defer s.mu.Unlock()
	p, _ := s.roster.Find(id)
	var list []string
	for _, l := range p.Layers {
		list = append(list, fmt.Sprintf("%s:%dx%d:%v", l.RID, l.Width, l.Height, l.Active))
	}
	return strings.Join(list, " ")
}

func is(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// OBS names its layers from the highest down, browsers mostly from the lowest up: it is the size that counts.
func TestLayers_AreToldFromTheLowestUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.forward()
		s := h.film("ada", nil, "0=1280x720", "1=640x360", "2=320x180")
		s.run(2 * time.Second)
		is(t, "layers", h.view("ada"), "2:320x180:true 1:640x360:true 0:1280x720:true")
		best := s.pub.m.up[media.Video].Load()
		is(t, "shown to whoever has no wish", best.Track().RID, "0")
		s.layers[0].broken = true
		s.run(3 * time.Second)
		is(t, "layers without the highest", h.view("ada"), "2:320x180:true 1:640x360:true 0:1280x720:false")
		is(t, "shown then", s.pub.m.up[media.Video].Load().Track().RID, "1")
		is(t, "tracks", len(s.pub.m.ups()), 3)
		s.pub.Close()
		synctest.Wait()
		up, down := h.host.lookup(stageOne).room.Tracks()
		is(t, "tracks left", up+down, 0)
	})
}

func TestLayers_NobodyWantsAreStoppedAndStartAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.forward()
		_, socket := h.join(stageOne, "ada")
		s := h.film("ada", socket, "l=320x180", "m=640x360", "h=1280x720")
		layers := s.pub.m.layers
		room := h.host.lookup(stageOne).room
		s.run(time.Second)
		is(t, "told at first", socket.unwanted(), "[]")
		viewer := room.AddDown(layers()[2], eye{})
		s.run(4 * time.Second)
		is(t, "told before the wait is over", socket.unwanted(), "[]")
		s.run(2 * time.Second)
		is(t, "told when only the highest is watched", socket.unwanted(), "[l m]")
		is(t, "layers that can be had", h.view("ada"), "l:320x180:true m:640x360:true h:1280x720:true")

		// A viewer comes to a layer that was stopped: it starts at once, and with a key frame.
		viewer.Prefer(layers()[0])
		synctest.Wait()
		is(t, "told when the lowest is wanted", socket.unwanted(), "[m]")
		s.run(100 * time.Millisecond)
		is(t, "shown a tenth of a second later", viewer.Current().Track().RID, "l")
		s.run(6 * time.Second)
		is(t, "told when only the lowest is watched", socket.unwanted(), "[m h]")

		// Pauses count as nobody; one layer always goes on.
		viewer.Prefer(layers()[2])
		s.run(time.Second)
		viewer.Pause()
		s.run(6 * time.Second)
		is(t, "told in a pause", socket.unwanted(), "[m h]")
		viewer.Resume()
		synctest.Wait()
		is(t, "told after the pause", socket.unwanted(), "[m]")
		s.run(100 * time.Millisecond)
		is(t, "shown then", viewer.Current().Track().RID, "h")

		viewer.Close()
		s.run(6 * time.Second)
		is(t, "told when nobody is there", socket.unwanted(), "[m h]")
		best := s.pub.m.up[media.Video].Load()
		is(t, "the best for a newcomer", best.Track().RID, "h")
		is(t, "shown to it at first", s.pub.m.running(best).Track().RID, "l")
		is(t, "shown of what runs", s.pub.m.running(layers()[0]).Track().RID, "l")
	})
}

func TestLayers_APublisherThatComesBackIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.forward()
		_, first := h.join(stageOne, "ada")
		s := h.film("ada", first, "l=320x180", "h=1280x720")
		s.run(7 * time.Second)
		is(t, "told", first.unwanted(), "[h]")
		welcomes, _ := first.seen()
		second := newFakeSocket()
		_, err := h.host.Join(t.Context(), JoinRequest{
			Token: h.token(h.claims(stageOne, "ada")), Topic: stageOne, Socket: second, Resume: welcomes[0].State.Resume,
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		is(t, "told on the new connection", second.unwanted(), "[h]")

		// A new publication begins with all of its layers.
		s = h.film("ada", second, "l=320x180", "h=1280x720")
		s.run(time.Second)
		is(t, "told of the new publication", second.unwanted(), "[]")
	})
}

func TestLayers_WithoutASocketAllGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.forward()
		s := h.film("ada", nil, "l=320x180", "h=1280x720")
		s.run(10 * time.Second)
		for _, up := range s.pub.m.layers() {
			if up.Asleep() {
				t.Errorf("layer %s sleeps", up.Track().RID)
			}
		}
	})
}

// A sender that ignores what is wanted is a nuisance to nobody.
func TestLayers_ThatGoOnUnwantedAreStillThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.forward()
		_, socket := h.join(stageOne, "ada")
		s := h.film("ada", nil, "l=320x180", "h=1280x720") // heeds nothing
		s.run(7 * time.Second)
		is(t, "told", socket.unwanted(), "[h]")
		viewer := h.host.lookup(stageOne).room.AddDown(s.pub.m.layers()[0], eye{})
		s.run(time.Second)
		viewer.Prefer(s.pub.m.layers()[1])
		s.run(time.Second)
		is(t, "shown", viewer.Current().Track().RID, "h")
		if r := s.pub.m.layers()[1].Rate(media.Now()); r == 0 {
			t.Error("it has no rate")
		}
	})
}

func TestFrames_OfLayersAreThoseOfTheFastest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.forward()
		s := h.film("ada", nil, "l=320x180", "m=640x360", "h=1280x720")
		s.run(time.Second)
		var f frames
		before := f.count(s.pub.m.layers())
		s.run(time.Second)
		is(t, "frames in a second", f.count(s.pub.m.layers())-before, 30)
		s.layers[2].broken = true
		s.run(time.Second)
		is(t, "frames in two seconds", f.count(s.pub.m.layers())-before, 60)
		source, sum, _ := s.pub.m.counted(media.Video, &sample{})
		if source != any(s.pub.m) || sum.Packets < 240 {
			t.Errorf("%d packets of %v", sum.Packets, source)
		}
	})
}

var _ sfu.Sink = eye{}
