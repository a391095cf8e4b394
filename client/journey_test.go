package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/internal/node/nodetest"
)

const patience = 30 * time.Second

// join joins a stage of the node and leaves when the test ends.
func join(t *testing.T, token string, o client.Options) *client.Participant {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := client.Join(ctx, token, o)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Leave(ctx); err != nil {
			t.Errorf("leave: %v", err)
		}
	})
	return p
}

// show publishes the demo's loop until the test ends.
func show(t *testing.T, p *client.Participant) *client.Publication {
	t.Helper()
	video, err := client.NewH264Track("video")
	if err != nil {
		t.Fatal(err)
	}
	audio, err := client.NewOpusTrack("audio")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pub, err := p.Publish(ctx, client.PublishOptions{}, video, audio)
	if err != nil {
		t.Fatal(err)
	}
	playing, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		play(playing, video, audio)
	}()
	t.Cleanup(func() { stop(); <-done })
	return pub
}

// play writes the loop to the tracks, in real time.
func play(ctx context.Context, video, audio *webrtc.TrackLocalStaticRTP) {
	l, err := loop.Load()
	if err != nil {
		panic(err)
	}
	tick := time.NewTicker(time.Second / loop.FrameRate)
	defer tick.Stop()
	var seq, soundSeq uint16
	for n := 0; ; n++ {
		f := l.Frames[n%len(l.Frames)]
		for i, payload := range f.Payloads {
			_ = video.WriteRTP(&rtp.Packet{
				Header: rtp.Header{
					Version: 2, SequenceNumber: seq, Timestamp: uint32(n * 3000), Marker: i == len(f.Payloads)-1,
				},
				Payload: payload,
			})
			seq++
		}
		for ; int(soundSeq)*960 < n*1600; soundSeq++ {
			_ = audio.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: soundSeq, Timestamp: uint32(soundSeq) * 960},
				Payload: l.Sound[int(soundSeq)%len(l.Sound)],
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// watch subscribes and returns a channel that gets the kind of each packet that comes.
func watch(t *testing.T, p *client.Participant, publisher string) (*client.Subscription, <-chan string) {
	t.Helper()
	kinds := make(chan string, 64)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sub, err := p.Subscribe(ctx, publisher, client.SubscribeOptions{OnPacket: func(tr client.Track, _ *rtp.Packet) {
		select {
		case kinds <- tr.Kind:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return sub, kinds
}

// both waits for a packet of each kind.
func both(t *testing.T, kinds <-chan string) {
	t.Helper()
	missing := map[string]bool{"audio": true, "video": true}
	deadline := time.After(patience)
	for len(missing) > 0 {
		select {
		case k := <-kinds:
			delete(missing, k)
		case <-deadline:
			t.Fatalf("no packets of %v", missing)
		}
	}
}

// next waits for a change that fits.
func next(t *testing.T, changes <-chan client.Change, op client.Op, fits func(client.Info) bool) client.Info {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case c := <-changes:
			if c.Op == op && fits(c.Participant) {
				return c.Participant
			}
		case <-deadline:
			t.Fatalf("no %q that fits", op)
		}
	}
}

func anyone(client.Info) bool { return true }

func told(o *client.Options) <-chan client.Change {
	changes := make(chan client.Change, 64)
	o.OnChange = func(c client.Change) { changes <- c }
	return changes
}

func ended(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("it did not end")
	}
}

func TestJourney_OnePublishesAnotherWatches(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada", "PUBLISH"), client.Options{})
	var o client.Options
	changes := told(&o)
	bob := join(t, n.Token(stage, "bob", "SUBSCRIBE"), o)

	pub := show(t, ada)
	seen := next(t, changes, client.Joined, anyone)
	if seen.ID != ada.ID() || seen.UserID != "ada" || !seen.Publishing || len(seen.Tracks) != 2 {
		t.Errorf("announced as %+v", seen)
	}
	sub, kinds := watch(t, bob, ada.ID())
	both(t, kinds)

	if err := ada.SetMuted(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	next(t, changes, client.Updated, func(i client.Info) bool { return i.AudioMuted && !i.VideoStopped })
	if err := sub.RequestKeyFrame(); err != nil {
		t.Error(err)
	}

	if err := pub.Unpublish(t.Context()); err != nil {
		t.Error(err)
	}
	next(t, changes, client.Left, func(i client.Info) bool { return i.ID == ada.ID() })
	ended(t, sub.Done()) // the server ends what has nothing to show
	if err := sub.Err(); !errors.Is(err, client.ErrEnded) {
		t.Errorf("subscription ended for %v", err)
	}
}

func TestJourney_APictureWithoutSoundIsWatched(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada"), client.Options{})
	video, err := client.NewH264Track("video")
	if err != nil {
		t.Fatal(err)
	}
	silence, err := client.NewOpusTrack("never published")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Publish(t.Context(), client.PublishOptions{}, video); err != nil {
		t.Fatal(err)
	}
	playing, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		play(playing, video, silence)
	}()
	t.Cleanup(func() { stop(); <-done })
	_, kinds := watch(t, join(t, n.Token(stage, "bob"), client.Options{}), ada.ID())
	select {
	case kind := <-kinds:
		if kind != "video" {
			t.Errorf("a packet of %s", kind)
		}
	case <-time.After(patience):
		t.Fatal("no packets")
	}
}

func TestJourney_ALateComerSeesWhoPublishes(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada"), client.Options{})
	show(t, ada)
	var o client.Options
	changes := told(&o)
	bob := join(t, n.Token(stage, "bob"), o)
	next(t, changes, client.Joined, func(i client.Info) bool { return i.ID == ada.ID() })
	if i, ok := bob.Lookup(ada.ID()); !ok || !i.Publishing {
		t.Errorf("late comer sees %+v, %v", i, ok)
	}
	if bob.Session() == "" || bob.Session() != ada.Session() {
		t.Errorf("sessions %q and %q", ada.Session(), bob.Session())
	}
}

func TestJourney_APublicationMovesToNewPorts(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada"), client.Options{})
	pub := show(t, ada)
	bob := join(t, n.Token(stage, "bob"), client.Options{})
	sub, kinds := watch(t, bob, ada.ID())
	both(t, kinds)
	for name, restart := range map[string]func(context.Context) error{"publisher": pub.Restart, "viewer": sub.Restart} {
		if err := restart(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range cap(kinds) + 1 { // past what was waiting
			<-kinds
		}
		both(t, kinds)
	}
}

func TestJourney_ASecondPublicationReplacesTheFirst(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada"), client.Options{})
	first := show(t, ada)
	second := show(t, ada)
	ended(t, first.Done())
	if err := second.Err(); err != nil {
		t.Errorf("second publication: %v", err)
	}
}

func TestJourney_WithoutASocketOneMayWatch(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	ada := join(t, n.Token(stage, "ada"), client.Options{})
	show(t, ada)
	guest, err := client.Attach(n.Token(stage, "guest", "SUBSCRIBE"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, kinds := watch(t, guest, ada.ID())
	both(t, kinds)
	if err := guest.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLeave_ForcedForItsReason(t *testing.T) {
	for reason, cause := range map[client.Reason]func(n *nodetest.Node, stage, token string, p *client.Participant){
		client.StageDeleted: func(n *nodetest.Node, stage, _ string, _ *client.Participant) {
			n.Call("DeleteStage", map[string]string{"arn": stage}, nil)
		},
		client.ParticipantDisconnected: func(n *nodetest.Node, stage, _ string, p *client.Participant) {
			n.Call("DisconnectParticipant", map[string]string{"stageArn": stage, "participantId": p.ID()}, nil)
		},
		client.TokenReused: func(_ *nodetest.Node, _, token string, _ *client.Participant) {
			join(t, token, client.Options{})
		},
	} {
		t.Run(string(reason), func(t *testing.T) {
			n := nodetest.Start(t)
			stage := n.CreateStage()
			token := n.Token(stage, "ada")
			p := join(t, token, client.Options{})
			pub := show(t, p)
			cause(n, stage, token, p)
			ended(t, p.Done())
			var left *client.LeftError
			if err := p.Err(); !errors.As(err, &left) || left.Reason != reason {
				t.Errorf("left for %v, want %s", err, reason)
			}
			ended(t, pub.Done())
		})
	}
}

func TestJoin_RefusedForItsReason(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	gone := n.CreateStage()
	ofGone := n.Token(gone, "ada")
	n.Call("DeleteStage", map[string]string{"arn": gone}, nil)
	barred := n.Token(stage, "bob")
	p := join(t, barred, client.Options{})
	n.Call("DisconnectParticipant", map[string]string{"stageArn": stage, "participantId": p.ID()}, nil)
	good := n.Token(stage, "eve")
	for code, token := range map[string]string{
		"STAGE_DELETED": ofGone, "PARTICIPANT_DISCONNECTED": barred, "TOKEN_INVALID": good[:len(good)-8] + "AAAAAAAA",
	} {
		_, err := client.Join(t.Context(), token, client.Options{})
		var refused *client.JoinError
		if !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
}

func TestPublish_RefusedForItsReason(t *testing.T) {
	n := nodetest.Start(t)
	stage := n.CreateStage()
	viewer := join(t, n.Token(stage, "viewer", "SUBSCRIBE"), client.Options{})
	video, err := client.NewH264Track("video")
	if err != nil {
		t.Fatal(err)
	}
	_, err = viewer.Publish(t.Context(), client.PublishOptions{}, video)
	var refused *client.MediaError
	if !errors.As(err, &refused) || refused.Code != "INSUFFICIENT_CAPABILITIES" || refused.Status != 403 {
		t.Errorf("publish: %v", err)
	}
	_, err = viewer.Subscribe(t.Context(), "nobody", client.SubscribeOptions{})
	if !errors.As(err, &refused) || refused.Code != "PUBLISHER_NOT_FOUND" {
		t.Errorf("subscribe: %v", err)
	}
}
