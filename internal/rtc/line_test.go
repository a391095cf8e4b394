package rtc

import (
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/bwe"
)

// viewWith is view with a link.
func viewWith(t *testing.T, tr *Transport, r *room, link *bwe.Link) *viewer {
	t.Helper()
	v := prepareViewer(t, api(t, false))
	var answer []byte
	var err error
	v.peer, answer, err = tr.Subscribe(offer(t, v.pc), bothTracks, PeerOptions{
		ID: "viewer", OnState: func(s State) { v.states <- s }, Link: link,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.add(v.peer)
	accept(t, v.pc, answer)
	v.states.want(t, Connected)
	established(t, v.pc)
	return v
}

func TestLine_FeedbackAndProbesOfARealViewerReachTheEstimator(t *testing.T) {
	tr := serve(t, Options{})
	r := newRoom(tr)
	p := publish(t, tr, r, api(t, false))
	p.states.want(t, Connected)
	established(t, p.pc)
	link := bwe.NewLink(bwe.Options{Start: 200_000})
	v := viewWith(t, tr, r, link)
	eventually(t, "a probe shows that the line bears more", func() bool {
		p.send(t, 1)
		link.Want(5_000_000, media.Now())
		return link.Stats().Confirms > 0
	})
	if link.Budget() <= 200_000 {
		t.Errorf("the budget is still %d", link.Budget())
	}
	if tr.Counters().ProbesOut.Load() == 0 || v.peer.Stats().Resent != 0 {
		t.Errorf("%d packets of padding, %d repeats", tr.Counters().ProbesOut.Load(), v.peer.Stats().Resent)
	}
	for range 3 {
		if k := next(t, v.video); len(k.Payload) == 0 {
			t.Error("padding among the pictures")
		}
	}
	if s := v.peer.Stats(); s.FeedbackReceived == 0 {
		t.Errorf("%+v", s)
	}
	v.peer.Close()
	link.Want(50_000_000, media.Now()) // there is nobody to send it
}

func TestLine_ViewersWithoutPictureAreNotProbed(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.codecs = `m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:a
a=%[1]s
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=extmap:2 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
`
	link := bwe.NewLink(bwe.Options{Start: 10_000})
	c.join(tr, nil, "recvonly", func(o *PeerOptions) { o.Link = link })
	if !c.peer.tx.wide {
		t.Fatal("transport-wide numbers were not negotiated")
	}
	for range 10 {
		link.Want(1_000_000, media.Now()+time.Hour)
	}
	if n := link.Stats().Probes; n != 0 {
		t.Errorf("%d probes", n)
	}
}

// BenchmarkLine_Write is what an estimator adds to the way out: a frame of five packets for each of 100 viewers, without
// and with one.
func BenchmarkLine_Write(b *testing.B) {
	const frame, n = 5, 100
	payload := make([]byte, benchPayload)
	seq := uint16(0)
	for _, with := range []bool{false, true} {
		b.Run(map[bool]string{false: "without", true: "with"}[with], func(b *testing.B) {
			tr := serve(b, Options{})
			before, _, _ := heap()
			all := make([]*lean, n)
			for i := range all {
				all[i] = newLean(b)
				// The transport-wide extension of sound and picture alike, so that feedback speaks of both.
				all[i].codecs += "a=extmap:2 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\n"
				all[i].join(tr, nil, "recvonly", func(o *PeerOptions) {
					if with {
						o.Link = bwe.NewLink(bwe.Options{})
					}
				})
				all[i].check(true)
				if err := all[i].shake(); err != nil {
					b.Fatal(err)
				}
				all[i].states.want(b, Connected)
				all[i].drop()
			}
			batch := tr.NewBatch()
			b.ReportAllocs()
			start, packets := cpu(b), 0
			for b.Loop() {
				for _, c := range all {
					l := c.peer.Sink(media.Video)
					for k := range frame {
						l.Write(batch, media.Header{Seq: seq + uint16(k)}, payload)
					}
				}
				seq += frame
				packets += frame * n
				batch.Flush()
			}
			b.ReportMetric((cpu(b)-start)/float64(packets)*1e6, "cpu-s/Mpkt")
			after, _, _ := heap()
			b.ReportMetric(float64(after-before)/n/1024, "heap-KiB/viewer")
			if with != all[0].peer.tx.wide {
				b.Fatalf("wide is %v", all[0].peer.tx.wide)
			}
		})
	}
}
