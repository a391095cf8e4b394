// Package client is a participant of a stage in Go: for bots, tests and measurements.
//
// Join opens the state socket that a participant token names; Publish and Subscribe carry media over WHIP and
// WHEP, each with a peer connection of its own:
//
//	p, err := client.Join(ctx, token, client.Options{
//		OnChange: func(c client.Change) { fmt.Println(c.Op, c.Participant.UserID) },
//	})
//	if err != nil {
//		return err // a *client.JoinError tells the server's reason
//	}
//	defer p.Leave(ctx)
//
//	video, _ := client.NewH264Track("camera")
//	pub, err := p.Publish(ctx, client.PublishOptions{}, video)
//	...
//	sub, err := p.Subscribe(ctx, otherID, client.SubscribeOptions{
//		OnPacket: func(t client.Track, p *rtp.Packet) { ... },
//	})
//
// The socket reconnects by itself and goes on with the same participation; media sessions do not notice. A
// media session whose transport fails is negotiated anew. When the participation is over, Done is closed and
// Err says why: a *LeftError when the server ended it.
//
// A Participant owns the goroutines of its socket and of its media sessions; they have ended when Leave has
// returned, or soon after Done is closed. Capture, encoding and decoding are not here: tracks take and give
// RTP packets or encoded samples. Administration (stages, tokens) is the AWS API's business: use an AWS SDK.
//
// This package is the project's home of pion/webrtc; the server does not import it.
package client
