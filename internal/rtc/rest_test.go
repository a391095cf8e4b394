package rtc

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/proscenium-live/proscenium/internal/media"
)

// resting waits until the peer's association rests, and its goroutines have ended. Time is handed in: no test waits
// for restAfter.
func resting(t *testing.T, c *lean) {
	t.Helper()
	report, err := (&rtcp.ReceiverReport{SSRC: 1}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := c.out.EncryptRTCP(nil, report, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.send(sealed)
	eventually(t, "the report", func() bool {
		c.peer.rx.mu.Lock()
		defer c.peer.rx.mu.Unlock()
		return len(c.peer.rx.reporter) > 0
	})
	eventually(t, "rest", func() bool {
		c.peer.restIfIdle(media.Now() + restAfter)
		w := &c.peer.wire
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.resting != nil
	})
	eventually(t, "no goroutine of the association", func() bool { return associations() == 0 })
}

// associations counts the goroutines of servers' associations in this process.
func associations() int {
	buf := make([]byte, 4<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "rtc.(*Peer).watch(")
}

// connectKeeping is lean.connect, but the client's association lives on.
func connectKeeping(t *testing.T, tr *Transport) *lean {
	t.Helper()
	c := newLean(t)
	c.join(tr, nil, "recvonly")
	c.check(true)
	if err := c.shake(); err != nil {
		t.Fatal(err)
	}
	c.states.want(t, Connected)
	return c
}

func TestPeer_RestsOnceMediaFlowsAndStillHearsAGoodbye(t *testing.T) {
	tr := serve(t, Options{})
	c := connectKeeping(t, tr)
	resting(t, c)
	if c.peer.State() != Connected {
		t.Fatalf("the peer is %v while its association rests", c.peer.State())
	}
	_ = c.association.Close()
	c.states.want(t, Closed)
}

func TestPeer_RestsOnlyWhenTheFarEndHasProvenItsKeys(t *testing.T) {
	tr := serve(t, Options{})
	c := connectKeeping(t, tr)
	c.peer.restIfIdle(media.Now() + time.Minute)
	c.peer.wire.mu.Lock()
	awake := c.peer.wire.resting == nil
	c.peer.wire.mu.Unlock()
	if !awake {
		t.Error("rests though the client may not have heard the end of the handshake")
	}
	_ = c.association.Close()
	c.states.want(t, Closed)
}

func TestPeer_SaysGoodbyeFromItsRest(t *testing.T) {
	tr := serve(t, Options{})
	c := connectKeeping(t, tr)
	resting(t, c)
	c.peer.Close()
	c.states.want(t, Closed)
	// The client's reader ends at a close_notify that authenticates.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 100)
		for {
			if _, err := c.association.Read(buf); err != nil {
				return
			}
		}
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the client heard no goodbye")
	}
	_ = c.association.Close()
}

// What a stranger sends from a viewer's address neither ends the peer nor wakes it for nothing.
func TestPeer_IsNotWokenByWhatIsNoRecord(t *testing.T) {
	tr := serve(t, Options{})
	c := connectKeeping(t, tr)
	resting(t, c)
	for _, data := range [][]byte{
		{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1, 1}, // a ClientHello's epoch
		{21, 0xfe, 0xfd, 0, 1},
		[]byte(strings.Repeat("\x16", 100)),
	} {
		before := tr.counters.DTLSDropped.Load()
		c.send(data)
		eventually(t, "count of what was dropped", func() bool { return tr.counters.DTLSDropped.Load() == before+1 })
	}
	if associations() != 0 {
		t.Error("woken by garbage")
	}
	// A forged record wakes it, is refused by its tag, and it rests again; the true goodbye is heard after that.
	forged := append([]byte{21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 77, 0, 30}, make([]byte, 30)...)
	c.send(forged)
	eventually(t, "waking", func() bool { return associations() == 1 })
	eventually(t, "reading", func() bool {
		c.peer.wire.mu.Lock()
		defer c.peer.wire.mu.Unlock()
		return len(c.peer.wire.queue) == 0 && c.peer.wire.conn != nil
	})
	resting(t, c)
	if c.peer.State() != Connected {
		t.Fatalf("a forged record made the peer %v", c.peer.State())
	}
	_ = c.association.Close()
	c.states.want(t, Closed)
}

func TestPeer_RestsAndWakesManyTimesUnderItsOwnNumbers(t *testing.T) {
	tr := serve(t, Options{})
	c := connectKeeping(t, tr)
	for range 5 {
		resting(t, c)
		if _, err := c.association.Write([]byte("x")); err != nil { // nobody wants the data, but it is a true record
			t.Fatal(err)
		}
		before := tr.counters.AppData.Load()
		eventually(t, "record read", func() bool { return tr.counters.AppData.Load() > before || associations() == 1 })
	}
	resting(t, c)
	c.peer.wire.mu.Lock()
	state := c.peer.wire.resting
	c.peer.wire.mu.Unlock()
	if state == nil || len(state.PeerCertificates) != 0 {
		t.Error("keeps certificates")
	}
	_ = c.association.Close()
	c.states.want(t, Closed)
}
