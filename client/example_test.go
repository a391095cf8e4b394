package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media"

	"github.com/proscenium-live/proscenium/client"
)

// A bot that counts the packets of whoever publishes first.
func ExampleJoin() {
	ctx := context.Background()
	publishers := make(chan client.Info, 16)
	p, err := client.Join(ctx, os.Getenv("TOKEN"), client.Options{OnChange: func(c client.Change) {
		if c.Op == client.Joined {
			publishers <- c.Participant
		}
	}})
	var refused *client.JoinError
	if errors.As(err, &refused) {
		fmt.Println("not let in:", refused.Code)
		return
	} else if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = p.Leave(ctx) }()

	select {
	case who := <-publishers:
		sub, err := p.Subscribe(ctx, who.ID, client.SubscribeOptions{OnPacket: func(t client.Track, p *rtp.Packet) {
			fmt.Println(t.Kind, p.SequenceNumber)
		}})
		if err != nil {
			fmt.Println(err)
			return
		}
		<-sub.Done()
	case <-p.Done():
		fmt.Println("over:", p.Err())
	}
}

// Samples of an encoder are cut into packets on the way.
func ExampleParticipant_Publish() {
	ctx := context.Background()
	p, err := client.Join(ctx, os.Getenv("TOKEN"), client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = p.Leave(ctx) }()
	video, err := client.NewH264Samples("camera")
	if err != nil {
		fmt.Println(err)
		return
	}
	keyFrame := make(chan struct{}, 1)
	pub, err := p.Publish(ctx, client.PublishOptions{OnKeyFrame: func() {
		select {
		case keyFrame <- struct{}{}:
		default: // asked for already
		}
	}}, video)
	if err != nil {
		fmt.Println(err)
		return
	}
	for pub.Err() == nil {
		var unit []byte // an access unit from an encoder; an IDR after something came on keyFrame
		_ = video.WriteSample(media.Sample{Data: unit, Duration: time.Second / 30})
	}
}
