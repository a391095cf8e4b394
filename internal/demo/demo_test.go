package demo_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/demo"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

func link(t *testing.T, n *nodetest.Node) (token string) {
	t.Helper()
	select {
	case l := <-n.DemoLink():
		token, ok := strings.CutPrefix(l, n.PublicURL()+"/console/watch#")
		if !ok {
			t.Fatalf("link %q does not lead to the console", l)
		}
		return token
	case <-time.After(patience):
		t.Fatal("no link")
	}
	return ""
}

// Whoever opens the link sees a picture within a second or so: there is a key frame each second at the least.
func TestDemo_TheLinkShowsPictureAndSound(t *testing.T) {
	n := nodetest.Start(t, func(c *config.Config) { c.Demo = true })
	token := link(t, n)
	claims, err := client.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Capabilities.Publish || !claims.Capabilities.Subscribe {
		t.Error("the link is not for watching only")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	publisher := make(chan string, 4)
	p, err := client.Join(ctx, token, client.Options{OnChange: func(c client.Change) {
		if c.Op == client.Joined {
			publisher <- c.Participant.ID
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Leave(context.Background()) }()
	var id string
	select {
	case id = <-publisher:
	case <-ctx.Done():
		t.Fatal("nobody publishes")
	}
	began := time.Now()
	key, sound := make(chan struct{}, 1), make(chan struct{}, 1)
	_, err = p.Subscribe(ctx, id, client.SubscribeOptions{OnPacket: func(tr client.Track, p *rtp.Packet) {
		c := sound
		if tr.Kind == "video" {
			if len(p.Payload) < 4 || p.Payload[0]&0x1f != 24 || p.Payload[3]&0x1f != 7 {
				return
			}
			c = key // a parameter set: a key frame begins
		}
		select {
		case c <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []chan struct{}{key, sound} {
		select {
		case <-c:
		case <-ctx.Done():
			t.Fatal("no picture or no sound")
		}
	}
	t.Logf("picture and sound %v after the offer", time.Since(began).Round(time.Millisecond))
}

func TestDemo_RestartsDoNotMultiplyTheStage(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		n := nodetest.Start(t, func(c *config.Config) { c.Demo, c.DataDir = true, dir })
		link(t, n)
		var out struct {
			Stages []struct{ Name string }
		}
		n.Call("ListStages", struct{}{}, &out)
		if len(out.Stages) != 1 || out.Stages[0].Name != demo.StageName {
			t.Errorf("stages: %+v", out.Stages)
		}
		n.Stop()
	}
}

// A user who deletes the stage, or throws the publisher out, meant it.
func TestDemo_StaysAwayWhenItIsNotWanted(t *testing.T) {
	n := nodetest.Start(t, func(c *config.Config) { c.Demo = true })
	link(t, n)
	var out struct {
		Stages []struct{ ARN string }
	}
	n.Call("ListStages", struct{}{}, &out)
	n.Call("DeleteStage", map[string]string{"arn": out.Stages[0].ARN}, nil)
	n.Logged("demo ended")
	n.Call("ListStages", struct{}{}, &out)
	if len(out.Stages) != 0 {
		t.Errorf("the stage came back: %+v", out.Stages)
	}
}
