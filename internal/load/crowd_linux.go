package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/proscenium-live/proscenium/client"
)

// leaveAtOnce is how many take their leave at once.
const leaveAtOnce = 64

// guest is one of a crowd: it joins by its state socket and has no media, or it joins as a viewer.
type guest struct {
	token string
	id    string

	conn   *websocket.Conn        // nil: not in, or a viewer
	viewer atomic.Pointer[viewer] // nil: not in, or no viewer
	took   time.Duration
	err    error         // why it is not in
	gone   chan struct{} // closed when the socket is
}

// crowd is guests that join at a rate.
type crowd struct {
	guests []*guest
	rate   float64 // per second
	http   *http.Client
	watch  string // URL to subscribe at, "" for guests without media
	id     *identity
}

// join has each guest join when it is its turn, however long others take, and returns when all have been answered.
func (c *crowd) join(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	start := time.Now()
	for i, g := range c.guests {
		due := start.Add(time.Duration(float64(i) / c.rate * float64(time.Second)))
		if err := pause(ctx, time.Until(due)); err != nil {
			g.err = err
			continue
		}
		wg.Go(func() {
			if c.watch != "" {
				g.err = g.view(ctx, due, c)
			} else {
				g.err = g.join(ctx, due, c.http)
			}
			g.took = time.Since(due) // not since we came round to it: our own lateness must not flatter the server
		})
	}
}

func (g *guest) join(ctx context.Context, due time.Time, h *http.Client) error {
	ctx, cancel := context.WithDeadline(ctx, due.Add(joinWait))
	defer cancel()
	to, err := client.ParseToken(g.token)
	if err != nil {
		return err
	}
	conn, answer, err := websocket.Dial(ctx, to.EventsURL+"/"+to.Stage, &websocket.DialOptions{
		HTTPClient: h, Subprotocols: []string{g.token},
	})
	if err != nil {
		return err
	}
	if answer.Body != nil {
		_ = answer.Body.Close()
	}
	conn.SetReadLimit(maxReply)
	_, data, err := conn.Read(ctx)
	if err == nil {
		err = admitted(data)
	}
	if err != nil {
		_ = conn.CloseNow()
		return err
	}
	g.conn, g.gone = conn, make(chan struct{})
	go g.listen(context.WithoutCancel(ctx)) // ctx ends with the joining
	return nil
}

// view joins as a viewer, and returns when the first packet of media has come.
func (g *guest) view(ctx context.Context, due time.Time, c *crowd) error {
	ctx, cancel := context.WithDeadline(ctx, due.Add(joinWait))
	defer cancel()
	v, err := joinViewer(ctx, c.id, client.Exchanger{Token: g.token, HTTP: c.http}, c.watch, false)
	if err != nil {
		return err
	}
	v.askKeyFrame()
	select {
	case <-v.first:
		g.viewer.Store(v)
		return nil
	case <-ctx.Done():
		_ = v.leave(context.WithoutCancel(ctx))
		return fmt.Errorf("no media: %w", ctx.Err())
	}
}

// feed sends the feedback of those that view, until ctx ends.
func (c *crowd) feed(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond / feedRounds)
	defer tick.Stop()
	for round := 0; ; round++ {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for i := round % feedRounds; i < len(c.guests); i += feedRounds {
				if v := c.guests[i].viewer.Load(); v != nil {
					v.feed(now, (round/feedRounds)%10 == i/feedRounds%10)
				}
			}
		}
	}
}

// admitted tells whether the server's first frame lets the guest in.
func admitted(frame []byte) error {
	var f struct {
		Type    string
		Payload struct{ Code, Message string }
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return fmt.Errorf("first frame: %w", err)
	}
	if f.Type != "STAGE_STATE" {
		return fmt.Errorf("first frame is %s %s %s", f.Type, f.Payload.Code, f.Payload.Message)
	}
	return nil
}

// listen reads until the socket is closed: reading answers the server's pings.
func (g *guest) listen(ctx context.Context) {
	defer close(g.gone)
	for {
		if _, _, err := g.conn.Read(ctx); err != nil {
			return
		}
	}
}

// inside returns those that got in.
func (c *crowd) inside() []*guest {
	var in []*guest
	for _, g := range c.guests {
		if g.conn != nil || g.viewer.Load() != nil {
			in = append(in, g)
		}
	}
	return in
}

// leave ends all sockets in good order, and returns how many had been lost before. A second call does nothing.
func (c *crowd) leave() (cut int) {
	slots := make(chan struct{}, leaveAtOnce)
	var wg sync.WaitGroup
	for _, g := range c.inside() {
		if v := g.viewer.Swap(nil); v != nil {
			slots <- struct{}{}
			wg.Go(func() {
				leaving, cancel := context.WithTimeout(context.Background(), joinWait)
				defer cancel()
				_ = v.leave(leaving)
				<-slots
			})
			continue
		}
		if g.conn == nil {
			continue
		}
		select {
		case <-g.gone:
			cut++
		default:
			slots <- struct{}{}
			wg.Go(func() {
				_ = g.conn.Close(websocket.StatusNormalClosure, "") // closed it is, whatever the other side says
				<-g.gone
				<-slots
			})
		}
	}
	wg.Wait()
	return cut
}
