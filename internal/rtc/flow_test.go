package rtc

import (
	"bytes"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/internal/media"
)

// connect joins a publisher and a viewer of a new room.
func connect(t testing.TB, tr *Transport, a *webrtc.API) (*room, *publisher, *viewer) {
	t.Helper()
	r := newRoom(tr)
	p := publish(t, tr, r, a)
	p.states.want(t, Connected)
	v := view(t, tr, r, a)
	v.states.want(t, Connected)
	established(t, p.pc)
	established(t, v.pc)
	return r, p, v
}

func TestTransport_CarriesVideoAndAudioFromPublisherToViewer(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		t.Run(map[bool]string{false: "udp", true: "tcp"}[tcp], func(t *testing.T) {
			tr := serve(t, Options{})
			r, p, v := connect(t, tr, api(t, tcp))
			const n = 200
			for i := range uint16(n) {
				if i%20 == 0 { // the far end's socket has room for a hundred
					p.send(t, 20)
				}
				video := next(t, v.video)
				if want := 1001 + i; video.SequenceNumber != want || !bytes.Equal(video.Payload, videoPayload(want)) || !video.Marker {
					t.Fatalf("video packet %d of %d bytes, want %d", video.SequenceNumber, len(video.Payload), want)
				}
				audio := next(t, v.audio)
				if audio.SequenceNumber != 1001+i || audio.Payload[1] != byte(1001+i) {
					t.Fatalf("audio packet %d, want %d", audio.SequenceNumber, 1001+i)
				}
			}
			if got := r.count(&r.packets); got != 2*n {
				t.Errorf("received %d packets, want %d", got, 2*n)
			}
			if r.count(&r.flushes) == 0 {
				t.Error("never flushed")
			}
			if s := v.peer.Stats(); s.TCP != tcp || s.PacketsSent != 2*n {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

func TestPeer_EndsWithTheFarEndsGoodbye(t *testing.T) {
	tr := serve(t, Options{})
	_, p, v := connect(t, tr, api(t, false))
	if err := v.pc.Close(); err != nil {
		t.Fatal(err)
	}
	v.states.want(t, Closed)
	<-v.peer.Done()
	p.peer.Close()
	p.peer.Close()
	p.states.want(t, Closed)
	eventually(t, "both are forgotten", func() bool { return tr.counters.Peers.Load() == 0 })
}

func TestPeer_PublisherGetsFeedbackReportsAndWishes(t *testing.T) {
	tr := serve(t, Options{})
	r, p, _ := connect(t, tr, api(t, false))
	p.send(t, 50)
	eventually(t, "packets have come", func() bool { return r.count(&r.packets) == 100 })
	feedback := <-p.feedback
	if feedback.PacketStatusCount == 0 {
		t.Error("feedback about nothing")
	}
	report := <-p.reports
	for len(report.Reports) < 2 {
		report = <-p.reports
	}
	for _, block := range report.Reports {
		if block.TotalLost != 0 || block.LastSequenceNumber != 1050 {
			t.Errorf("report %+v, want nothing lost up to 1050", block)
		}
	}
	r.mu.Lock()
	source := r.sources[media.Video]
	r.mu.Unlock()
	source.RequestKeyFrame()
	<-p.keyFrames
	source.RequestPackets([]uint16{1003, 1010})
	eventually(t, "packets are repeated", func() bool { return r.count(&r.repeats) == 2 })
}

func TestPeer_ViewerGetsRepeatsOnTheRetransmissionStream(t *testing.T) {
	tr := serve(t, Options{})
	_, p, v := connect(t, tr, api(t, false))
	p.send(t, 20)
	for range 20 {
		next(t, v.video)
	}
	l := v.peer.Sink(media.Video)
	if l.rtx.ssrc == 0 {
		t.Fatal("no retransmission stream negotiated")
	}
	nack := &rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: l.main.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{1005, 1007, 9999})}
	if err := v.pc.WriteRTCP([]rtcp.Packet{nack}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "packets are repeated", func() bool { return v.peer.Stats().Resent == 2 })
	// pion unwraps them, and hands them over when the next packet of the track has come
	got := map[uint16]bool{}
	for len(got) < 2 {
		p.send(t, 1)
		packet := next(t, v.video)
		if !bytes.Equal(packet.Payload, videoPayload(packet.SequenceNumber)) {
			t.Fatalf("packet %d came back different", packet.SequenceNumber)
		}
		if packet.SequenceNumber <= 1020 {
			got[packet.SequenceNumber] = true
		}
	}
	if !got[1005] || !got[1007] {
		t.Fatalf("repeated %v, want 1005 and 1007", got)
	}
	if s := v.peer.Stats(); s.Resent != 2 || s.Nacked != 3 {
		t.Errorf("stats: %+v", s)
	}
}

func TestPeer_ViewersWishReachesThePublisher(t *testing.T) {
	tr := serve(t, Options{})
	r, p, v := connect(t, tr, api(t, false))
	p.send(t, 1)
	next(t, v.video)
	pli := &rtcp.PictureLossIndication{MediaSSRC: v.peer.Sink(media.Video).main.ssrc}
	if err := v.pc.WriteRTCP([]rtcp.Packet{pli}); err != nil {
		t.Fatal(err)
	}
	if kind := <-r.wishes; kind != media.Video {
		t.Fatalf("wish for %v", kind)
	}
	<-p.keyFrames
}

func TestPeer_IceRestartKeepsTheMedia(t *testing.T) {
	tr := serve(t, Options{})
	_, p, v := connect(t, tr, api(t, false))
	before := p.peer.ETag()
	o, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	<-gathered
	frag := fragmentOf(p.pc.LocalDescription().SDP)
	answer, err := p.peer.Patch(frag)
	if err != nil || answer == nil {
		t.Fatalf("patch: %v, answer %q", err, answer)
	}
	if p.peer.ETag() == before {
		t.Error("the ETag stays the same")
	}
	accept(t, p.pc, replaceICE(p.pc.CurrentRemoteDescription().SDP, answer))
	// the previous credentials end when the new ones are nominated
	eventually(t, "the new session is nominated", func() bool {
		p.peer.ice.mu.Lock()
		defer p.peer.ice.mu.Unlock()
		return p.peer.ice.previous == nil
	})
	p.send(t, 10)
	for range 10 {
		next(t, v.video)
	}
	// the same credentials again, with candidates: nothing to answer
	if answer, err := p.peer.Patch(frag); err != nil || answer != nil {
		t.Fatalf("second patch: %v, answer %q", err, answer)
	}
}

// fragmentOf makes a fragment from an offer, as a WHIP client does.
func fragmentOf(offer string) []byte {
	var out []byte
	for line := range bytes.Lines([]byte(offer)) {
		for _, prefix := range []string{"m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:"} {
			if bytes.HasPrefix(line, []byte(prefix)) {
				out = append(out, line...)
			}
		}
	}
	return out
}

// replaceICE puts a fragment's credentials into an answer, as a WHIP client does.
func replaceICE(answer string, fragment []byte) []byte {
	values := map[string][]byte{}
	for line := range bytes.Lines(fragment) {
		if key, _, ok := bytes.Cut(line, []byte(":")); ok {
			values[string(key)] = line
		}
	}
	var out []byte
	for line := range bytes.Lines([]byte(answer)) {
		key, _, _ := bytes.Cut(line, []byte(":"))
		if k := string(key); k == "a=ice-ufrag" || k == "a=ice-pwd" {
			line = values[k]
		}
		out = append(out, line...)
	}
	return out
}
