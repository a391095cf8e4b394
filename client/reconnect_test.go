package client

import (
	"context"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

// The network cuts the socket: the participation goes on, and so does the media.
func TestReconnect_GoesOnWithTheSameParticipation(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	connection := make(chan bool, 8)
	p, err := Join(t.Context(), n.Token(stage, "ada"), Options{OnConnection: func(c bool) { connection <- c }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Leave(context.Background()) }()
	video, err := NewH264Track("video")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := p.Publish(t.Context(), PublishOptions{}, video)
	if err != nil {
		t.Fatal(err)
	}
	key, session, peer := p.resumeKey(), p.Session(), pub.session.peer()
	if key == "" {
		t.Fatal("server gave no resume key")
	}
	p.socket.drop()
	for _, want := range []bool{false, true} {
		select {
		case got := <-connection:
			if got != want {
				t.Fatalf("told %v, want %v", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("not told that the connection is %v", want)
		}
	}
	if p.resumeKey() != key || p.Session() != session {
		t.Error("came back as somebody else")
	}
	if pub.Err() != nil || pub.session.peer() != peer {
		t.Errorf("publication did not go on: %v", pub.Err())
	}
	if err := video.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{0x65, 0x88}}); err != nil {
		t.Error(err)
	}
}

func TestReconnect_EndsWhenTheServerIsGone(t *testing.T) {
	n := nodetest.Start(t)
	p, err := Join(t.Context(), n.Token(n.CreateStage(), "ada"), Options{ReconnectWindow: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	n.Stop()
	select {
	case <-p.Done():
	case <-time.After(time.Minute):
		t.Fatal("participation did not end")
	}
	if err := p.Leave(context.Background()); err != nil {
		t.Error(err)
	}
}
