package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/proscenium-live/proscenium/client"
)

// leaveAtOnce is how many take their leave at once.
const leaveAtOnce = 64

// guest is a participant that only joins: it has a state socket and no media.
type guest struct {
	token string
	id    string

	conn *websocket.Conn // nil: not in
	took time.Duration
	err  error         // why it is not in
	gone chan struct{} // closed when the socket is
}

// crowd is guests that join at a rate.
type crowd struct {
	guests []*guest
	rate   float64 // per second
	http   *http.Client
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
			g.err = g.join(ctx, due, c.http)
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
		if g.conn != nil {
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
