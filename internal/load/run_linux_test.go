package load_test

import (
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/load"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

func options(n *nodetest.Node) load.Options {
	return load.Options{
		Server: n.URL, AccessKey: "test", SecretKey: "test", Region: "us-east-1", ServerPID: os.Getpid(), NoFloor: true,
		Publishers: 2, Viewers: 3, Bitrate: 1_000_000, Audio: true, Settle: 500 * time.Millisecond, Duration: 2 * time.Second,
	}
}

func TestRun_EveryViewerGetsEverything(t *testing.T) {
	n := nodetest.Start(t)
	r, err := load.Run(t.Context(), options(n))
	if err != nil {
		t.Fatal(err)
	}
	if r.Viewers != 6 || r.Loss != 0 || r.Missing != 0 || r.BadTag != 0 || r.NoPicture != 0 {
		t.Errorf("not everything arrived: %+v", r)
	}
	// What is under way at the edges of the window counts on one side only.
	if r.Complete < 0.97 || r.Complete > 1.03 {
		t.Errorf("viewers received %.3f of what was sent to them", r.Complete)
	}
	if bits := r.BitsPerSecond / 6; bits < 0.95e6 || bits > 1.4e6 {
		t.Errorf("%.0f bit/s for each viewer of 1 Mbit/s of picture", bits)
	}
	if r.DelayP50 <= 0 || r.DelayP99 < r.DelayP50 || r.DelayMax < r.DelayP99 || r.DelayP50 > 1000 {
		t.Errorf("delays: %v %v %v", r.DelayP50, r.DelayP99, r.DelayMax)
	}
	if r.JoinP50 <= 0 || r.PictureP50 < r.JoinP50/2 || r.ServerCPU <= 0 || r.Feedback == 0 {
		t.Errorf("implausible: %+v", r)
	}
	var table, asJSON strings.Builder
	if r.WriteTable(&table) != nil || r.WriteJSON(&asJSON) != nil {
		t.Error("report cannot be written")
	}
	if !strings.Contains(table.String(), "loss") || !strings.Contains(asJSON.String(), `"packets_received"`) {
		t.Errorf("reports: %s %s", table.String(), asJSON.String())
	}
	var out struct{ Stages []struct{} }
	if n.Call("ListStages", struct{}{}, &out); len(out.Stages) != 0 {
		t.Errorf("%d stages were left behind", len(out.Stages))
	}
}

// A burst of joins beside the media: all get in but those for whom there is no room, and each that got in has its record.
func TestRun_CountsJoinsRefusalsAndRecordsOfABurst(t *testing.T) {
	const room = 40
	n := nodetest.Start(t, func(c *config.Config) { c.MaxParticipants = room })
	o := options(n)
	o.Publishers, o.Viewers, o.Duration = 1, 2, time.Second
	o.Joins, o.JoinRate = 60, 60
	r, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b := r.Burst
	in := room - 3 // the publisher and the viewers are there
	if b.Failed != o.Joins-in || !strings.Contains(b.FirstError, "STAGE_AT_CAPACITY") || b.Cut != 0 {
		t.Errorf("%d failed with %q, %d were cut off", b.Failed, b.FirstError, b.Cut)
	}
	if !b.Complete || b.Recorded != in || b.Left != in {
		t.Errorf("%d records, %d as left, of %d", b.Recorded, b.Left, in)
	}
	if b.JoinP50 <= 0 || b.JoinP99 < b.JoinP50 || b.Seconds < 0.9 {
		t.Errorf("implausible: %+v", b)
	}
	if b.Before.Packets == 0 || b.During.Packets == 0 || b.During.DelayP50 <= 0 || b.During.Missing != 0 {
		t.Errorf("media before and meanwhile: %+v %+v", b.Before, b.During)
	}
}

// On a way that loses one media packet in fifty, the tool sees the loss, asks for the packets and gets them on
// the retransmission stream: it neither hides loss nor invents packets.
func TestRun_SeesLossAndHasItRepaired(t *testing.T) {
	way := newLossyWay(t, 50)
	n := nodetest.Start(t, func(c *config.Config) {
		c.Media = []string{way.server.String()}
		c.MediaAddress = []string{way.conn.LocalAddr().String()}
	})
	o := options(n)
	o.Publishers, o.Audio = 1, false
	r, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d dropped on the way; %d of %d missing, %d repaired, %d NACKs", way.dropped.Load(), r.Missing, r.Expected, r.Repaired, r.Nacks)
	if way.dropped.Load() == 0 || r.Nacks == 0 {
		t.Fatal("nothing was lost")
	}
	if share := float64(r.Repaired) / float64(r.Expected); share < 0.01 || share > 0.04 {
		t.Errorf("%.4f of the packets were repaired, about 0.02 were dropped", share)
	}
	if r.Loss > 0.005 {
		t.Errorf("%.4f were never repaired", r.Loss)
	}
}

// lossyWay passes datagrams between clients and a server, and drops each so-many-th media packet to a client.
type lossyWay struct {
	conn    *net.UDPConn
	server  *net.UDPAddr
	dropped atomic.Int64
	every   int64
	count   atomic.Int64

	mu      sync.Mutex
	ups     map[string]*net.UDPConn
	workers sync.WaitGroup
}

func newLossyWay(t *testing.T, every int64) *lossyWay {
	t.Helper()
	// The server binds this port in a moment; nobody else is likely to in between.
	reserved, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	w := &lossyWay{server: reserved.LocalAddr().(*net.UDPAddr), every: every, ups: map[string]*net.UDPConn{}}
	_ = reserved.Close()
	if w.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	w.workers.Add(1)
	go w.up()
	t.Cleanup(func() {
		_ = w.conn.Close()
		w.mu.Lock()
		for _, c := range w.ups {
			_ = c.Close()
		}
		w.mu.Unlock()
		w.workers.Wait()
	})
	return w
}

func (w *lossyWay) up() {
	defer w.workers.Done()
	buf := make([]byte, 2048)
	for {
		n, from, err := w.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		if c := w.socketOf(from); c != nil {
			_, _ = c.Write(buf[:n])
		}
	}
}

// socketOf gives each client a socket of its own: the server tells them apart by address.
func (w *lossyWay) socketOf(client *net.UDPAddr) *net.UDPConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.ups[client.String()]; c != nil {
		return c
	}
	c, err := net.DialUDP("udp4", nil, w.server)
	if err != nil {
		return nil
	}
	w.ups[client.String()] = c
	w.workers.Add(1)
	go w.down(c, client)
	return c
}

func (w *lossyWay) down(c *net.UDPConn, client *net.UDPAddr) {
	defer w.workers.Done()
	buf := make([]byte, 2048)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		// RTP, not RTCP (RFC 5761 section 4).
		if buf[0]&0xc0 == 0x80 && (buf[1] < 192 || buf[1] > 223) && w.count.Add(1)%w.every == 0 {
			w.dropped.Add(1)
			continue
		}
		_, _ = w.conn.WriteToUDP(buf[:n], client)
	}
}
