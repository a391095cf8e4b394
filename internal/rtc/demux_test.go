package rtc

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/internal/media"
)

// layeredCodecs is leanCodecs with three layers of the picture.
var layeredCodecs = strings.Replace(leanCodecs, "a=rtcp-mux\n", `a=rtcp-mux
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=rid:l send
a=rid:m send
a=rid:h send
a=simulcast:send l;m;h
`, 1)

// layerSink keeps what one track of a publisher brings.
type layerSink struct {
	source  media.Source
	packets []media.Packet
	reports int
}

func (s *layerSink) Receive(p *media.Packet) {
	keep := *p
	keep.Payload = append([]byte(nil), p.Payload...)
	s.packets = append(s.packets, keep)
}
func (s *layerSink) ReceiveReport(media.SenderReport) { s.reports++ }
func (s *layerSink) Flush(media.Time)                 {}

// layered is a connected publisher of three layers whose packets the test puts in at the door.
type layered struct {
	*lean
	sinks map[string]*layerSink // by track
	in    func(packet []byte)
}

func newLayered(t *testing.T, o Options) *layered {
	t.Helper()
	tr := serve(t, o)
	l := &layered{lean: newLean(t), sinks: map[string]*layerSink{}}
	l.codecs = layeredCodecs
	l.join(tr, nil, "sendonly", func(o *PeerOptions) {
		o.OnTrack = func(s media.Source) media.Receiver {
			sink := &layerSink{source: s}
			l.sinks[s.Track().ID] = sink
			return sink
		}
	})
	l.check(true)
	if err := l.shake(); err != nil {
		t.Fatal(err)
	}
	l.states.want(t, Connected)
	l.drop()
	r, path, now := newReader(tr), l.path(tr), media.Now()
	l.in = func(packet []byte) {
		now += time.Millisecond
		r.Read(packet, path, now)
		r.Flush(now)
	}
	return l
}

// say sends a packet of a layer; without a rid or a repaired rid for "".
func (l *layered) say(ssrc uint32, payloadType uint8, seq uint16, rid, repaired, payload string) {
	l.t.Helper()
	h := rtp.Header{PayloadType: payloadType, SSRC: ssrc, SequenceNumber: seq}
	if rid != "" {
		_ = h.SetExtension(10, []byte(rid))
	}
	if repaired != "" {
		_ = h.SetExtension(11, []byte(repaired))
	}
	l.in(l.packet(h, []byte(payload)))
}

func (l *layered) got(track string) string {
	var b strings.Builder
	for _, p := range l.sinks[track].packets {
		fmt.Fprintf(&b, "%d:%s:%v ", p.Seq, p.Payload, p.Repeat)
	}
	return strings.TrimSpace(b.String())
}

func TestPublish_TellsLayersApart(t *testing.T) {
	l := newLayered(t, Options{})
	tracks := l.peer.Tracks()
	if len(tracks) != 4 || tracks[0].ID != "v:l" || tracks[0].RID != "l" || tracks[1].RID != "m" || tracks[2].RID != "h" ||
		tracks[3].RID != "" || tracks[3].Kind != media.Audio {
		t.Fatalf("tracks %+v", tracks)
	}
	l.say(100, 96, 1, "", "", "unnamed") // nobody knows whose
	l.say(100, 96, 2, "h", "", "a")
	l.say(100, 96, 3, "", "", "b") // known by its SSRC from now on
	l.say(100, 96, 4, "l", "", "c")
	l.say(200, 96, 1, "l", "", "d")
	l.say(101, 97, 9, "", "h", "\x00\x05e")
	l.say(101, 97, 10, "", "", "\x00\x06f")
	l.say(300, 96, 1, "x", "", "of a layer that was not accepted")
	l.say(301, 97, 1, "h", "", "\x00\x07a repetition says what it repeats")
	l.say(400, 111, 1, "", "", "sound")
	for track, want := range map[string]string{
		"v:h": "2:a:false 3:b:false 4:c:false 5:e:true 6:f:true", "v:l": "1:d:false", "v:m": "", "a": "1:sound:false",
	} {
		if got := l.got(track); got != want {
			t.Errorf("track %s got %q, want %q", track, got, want)
		}
	}
	if n := l.peer.t.counters.UnknownStream.Load(); n != 3 {
		t.Errorf("%d packets of no stream, want 3", n)
	}
	// Each layer is asked by its own SSRC; one that was never heard can't be.
	before := l.peer.t.counters.PLIOut.Load()
	l.sinks["v:m"].source.RequestKeyFrame()
	if n := l.peer.t.counters.PLIOut.Load() - before; n != 0 {
		t.Error("a layer that was never heard was asked for a key frame")
	}
	l.sinks["v:l"].source.RequestKeyFrame()
	for {
		data, ok := l.read(patience)
		if !ok {
			t.Fatal("no PLI")
		}
		if data[1] != typePSFB {
			continue
		}
		plain, err := l.lean.in.DecryptRTCP(nil, data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ssrc := plain[8:12]; string(ssrc) != "\x00\x00\x00\xc8" {
			t.Fatalf("PLI for %x", ssrc)
		}
		break
	}
}

func TestPublish_TakesNoMoreLayersThanTheSettingSays(t *testing.T) {
	l := newLayered(t, Options{Layers: 2})
	if tracks := l.peer.Tracks(); len(tracks) != 3 || tracks[1].RID != "m" || tracks[2].Kind != media.Audio {
		t.Fatalf("tracks %+v", tracks)
	}
	l.say(100, 96, 1, "h", "", "a")
	l.say(200, 96, 1, "l", "", "b")
	if got := l.got("v:l"); got != "1:b:false" {
		t.Errorf("layer l got %q", got)
	}
}

// security.md row 30: a rid that changes from packet to packet moves nothing, and a flood of SSRCs and rids is bounded.
func TestPublish_BoundsStreamsAndRids_Row30(t *testing.T) {
	l := newLayered(t, Options{})
	l.say(100, 96, 1, "h", "", "a")
	for i := range 300 {
		l.say(100, 96, uint16(2+i), []string{"l", "m", "nonsense", ""}[i%4], "", "b")
	}
	if n := len(l.sinks["v:h"].packets); n != 301 {
		t.Errorf("%d packets stayed with their layer, want 301", n)
	}
	for i := range uint32(500) {
		l.say(1000+i, 96, 1, fmt.Sprint("r", i), "", "c")
	}
	p := l.peer
	p.rx.mu.Lock()
	streams, strangers := len(p.rx.streams), len(p.rx.strangers)
	p.rx.mu.Unlock()
	if streams != 1 || streams+strangers > maxStreams {
		t.Errorf("%d streams and %d strangers", streams, strangers)
	}
	// What is known goes on, and a stranger that names itself after all is let in.
	l.say(100, 96, 400, "", "", "d")
	l.say(1000, 96, 2, "m", "", "e")
	if got := l.got("v:m"); got != "2:e:false" {
		t.Errorf("layer m got %q", got)
	}
	if n := len(l.sinks["v:h"].packets); n != 302 {
		t.Errorf("%d packets", n)
	}
}

func FuzzHeaderRids(f *testing.F) {
	add := func(rid, repaired string) {
		h := rtp.Header{Version: 2, PayloadType: 96, SSRC: 7}
		_ = h.SetExtension(10, []byte(rid))
		_ = h.SetExtension(11, []byte(repaired))
		raw, err := h.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	add("h", "")
	add("l", "m")
	add(strings.Repeat("x", 16), "0")
	add(strings.Repeat("x", 200), "") // two-byte form
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0xaf, 'h', 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var h header
		if !parseHeader(data, extensionIDs{mid: 1, transport: 2, level: 3, rid: 10, repairedRID: 11}, &h) {
			return
		}
		p := &Peer{}
		for _, rid := range []string{"l", "m", "h"} {
			p.remotes = append(p.remotes, &remote{peer: p, track: media.Track{RID: rid}, payloadType: 96, rtxPayloadType: 97})
		}
		for i := range 3 * maxStreams {
			h.ssrc = uint32(i)
			if !p.rx.hears(h.ssrc) {
				continue
			}
			s := p.newStream(&h)
			if s == nil {
				continue
			}
			rid := string(h.rid)
			if s.repeats {
				rid = string(h.repairedRID)
			}
			if s.remote.track.RID != rid {
				t.Fatalf("rid %q went to %q", rid, s.remote.track.RID)
			}
		}
		if n := len(p.rx.streams) + len(p.rx.strangers); n > maxStreams {
			t.Fatalf("%d streams are remembered", n)
		}
	})
}
