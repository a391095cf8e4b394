package host

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
)

func TestJoin_WelcomesAndTellsEveryoneWhoPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		_, bob := h.join(stageOne, "bob")
		pub := h.publish(stageOne, "ada")
		_, cyd := h.join(stageOne, "cyd")

		welcomes, _ := cyd.seen()
		if len(welcomes) != 1 || len(welcomes[0].State.Participants) != 2 || welcomes[0].State.Version != 1 {
			t.Errorf("cyd is welcomed with %+v", welcomes)
		}
		pub.Close()
		synctest.Wait()
		_, updates := bob.seen()
		if len(updates) != 2 || updates[0].Update.Changes[0].Op != roster.OpJoin || updates[1].Update.Changes[0].Op != roster.OpLeave {
			t.Errorf("bob heard of %d updates", len(updates))
		}
		want := []string{"JOINED bob", "JOINED ada", "PUBLISH_STARTED ada", "JOINED cyd", "PUBLISH_STOPPED ada", "LEFT ada"}
		if got := h.names(); !slices.Equal(got, want) {
			t.Errorf("facts %q, want %q", got, want)
		}
	})
}

// security.md row 12.
func TestJoin_ThousandAtOnceWithOneTokenLeaveOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		raw := h.token(h.claims(stageOne, "ada"))
		sockets := make([]*fakeSocket, 1000)
		var wg sync.WaitGroup
		for i := range sockets {
			sockets[i] = newFakeSocket()
			wg.Go(func() {
				if _, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: stageOne, Socket: sockets[i]}); err != nil {
					t.Errorf("join: %v", err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		left := 0
		for _, s := range sockets {
			if s.reason() == "" {
				left++
			} else if s.reason() != live.LeaveTokenReused {
				t.Errorf("a socket was told %q", s.reason())
			}
		}
		if st := h.host.Stats(); left != 1 || st.Participants != 1 || st.Sockets != 1 {
			t.Errorf("%d sockets are left, stats %+v; want one of each", left, st)
		}
		if n := h.asked(); n != 1 {
			t.Errorf("the session was asked for %d times", n)
		}
	})
}

// security.md row 11: in a race of joins with a disconnect, nobody is in once the disconnect has been acknowledged.
func TestDisconnect_WinsEveryRaceWithAJoin(t *testing.T) {
	for round := range 30 {
		synctest.Test(t, func(t *testing.T) {
			h := open(t, nil)
			if round%2 == 0 {
				h.join(stageOne, "bob") // the session is open already
			}
			raw := h.token(h.claims(stageOne, "ada"))
			pause := func() { time.Sleep(time.Duration(rand.IntN(3)) * time.Microsecond) } // virtual time: shuffles the order
			h.grants(func(r live.OpenSession) (live.SessionGrant, error) {
				pause()
				return live.SessionGrant{Session: live.NewSessionID(), Stage: arnOf(r.Stage).String()}, nil
			})
			sockets := make([]*fakeSocket, 8)
			joined := make([]bool, len(sockets))
			var wg sync.WaitGroup
			for i := range sockets {
				sockets[i] = newFakeSocket()
				wg.Go(func() {
					pause()
					_, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: stageOne, Socket: sockets[i]})
					joined[i] = err == nil
				})
			}
			if round%2 == 1 { // somebody has the session opened before the order comes
				wg.Go(func() { _, _ = h.host.session(t.Context(), stageOne) })
				time.Sleep(time.Microsecond)
			}
			h.disconnect(stageOne, "ada")
			for _, v := range h.host.Sessions() {
				for _, p := range v.Participants {
					if p.ID == "ada" {
						t.Errorf("round %d: ada is there after the disconnect was acknowledged", round)
					}
				}
			}
			wg.Wait()
			synctest.Wait()
			for i, s := range sockets {
				if joined[i] && s.reason() == "" {
					t.Errorf("round %d: a socket stayed", round)
				}
			}
			h.refused(stageOne, "ada", live.ParticipantRevoked)
		})
	}
}

// A bar that is noted between the grant's making and its arrival comes as a command, and counts.
func TestOpen_ListensBeforeItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.grants(func(r live.OpenSession) (live.SessionGrant, error) {
			g := live.SessionGrant{Session: live.NewSessionID(), Stage: arnOf(r.Stage).String()}
			h.disconnect(r.Stage, "ada")
			return g, nil
		})
		h.refused(stageOne, "ada", live.ParticipantRevoked)
		h.join(stageOne, "bob")
	})
}

func TestOpen_DeletedMeanwhileIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.grants(func(r live.OpenSession) (live.SessionGrant, error) {
			h.order(bus.CloseStage(r.Stage), live.CloseStage{Stage: r.Stage})
			return live.SessionGrant{Session: live.NewSessionID(), Stage: arnOf(r.Stage).String()}, nil
		})
		h.refused(stageOne, "ada", live.StageNotFound)
	})
}

// security.md row 11, after a restart: the grant names who is barred.
func TestOpen_BarsWhomTheGrantNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.grants(func(r live.OpenSession) (live.SessionGrant, error) {
			return live.SessionGrant{
				Session: live.NewSessionID(), Stage: arnOf(r.Stage).String(), Barred: []live.ParticipantID{"eve"},
			}, nil
		})
		h.refused(stageOne, "eve", live.ParticipantRevoked)
	})
}

func TestOpen_TellsWhyItFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.grants(func(live.OpenSession) (live.SessionGrant, error) {
			return live.SessionGrant{Refused: live.StageNotFound, Message: "stage deleted"}, nil
		})
		h.refused(stageOne, "ada", live.StageNotFound)
		h.grants(func(live.OpenSession) (live.SessionGrant, error) {
			return live.SessionGrant{}, errors.New("the records cannot be reached")
		})
		_, err := h.host.Join(t.Context(), JoinRequest{
			Token: h.token(h.claims(stageOne, "ada")), Topic: stageOne, Socket: newFakeSocket(),
		})
		if live.KindOf(err) != live.Unavailable || strings.Contains(err.Error(), "records") {
			t.Errorf("an unreachable control plane gives %v", err)
		}
		synctest.Wait()
		if n := h.host.Stats().Sessions; n != 0 {
			t.Errorf("%d sessions are left of refused openings", n)
		}
	})
}

func TestToken_OfAnotherStageIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		raw := h.token(h.claims(stageOne, "ada"))
		_, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: "another00001", Socket: newFakeSocket()})
		if live.ReasonOf(err) != live.TokenInvalid {
			t.Errorf("joining another stage gives %v", err)
		}
		foreign := h.claims(stageOne, "ada")
		foreign.Stage.Account = "999999999999"
		_, err = h.host.Join(t.Context(), JoinRequest{Token: h.token(foreign), Topic: stageOne, Socket: newFakeSocket()})
		if live.ReasonOf(err) != live.TokenInvalid {
			t.Errorf("a token of another account gives %v", err)
		}
	})
}

func TestDisconnect_IsAcknowledgedOnlyAfterTheSocketWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		s := newFakeSocket()
		s.told = make(chan struct{})
		raw := h.token(h.claims(stageOne, "ada"))
		if _, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: stageOne, Socket: s}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.AfterFunc(300*time.Millisecond, func() { close(s.told) })
		h.disconnect(stageOne, "ada")
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("acknowledged after %v, the socket was told after 300ms", took)
		}
	})
}

func TestDisconnect_DoesNotWaitForeverForASocketThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		s := newFakeSocket()
		s.told = make(chan struct{}) // never
		raw := h.token(h.claims(stageOne, "ada"))
		if _, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: stageOne, Socket: s}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		h.disconnect(stageOne, "ada")
		if took := time.Since(start); took > time.Second {
			t.Errorf("acknowledged after %v, control gives up after 1s", took)
		}
	})
}

func TestCloseStage_EndsEveryoneAndTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		_, bob := h.join(stageOne, "bob")
		pub := h.publish(stageOne, "ada")
		h.order(bus.CloseStage(stageOne), live.CloseStage{Stage: stageOne})
		if bob.reason() != live.LeaveStageDeleted {
			t.Errorf("bob was told %q", bob.reason())
		}
		select {
		case <-pub.Done():
		default:
			t.Error("the publication goes on")
		}
		synctest.Wait()
		if st := h.host.Stats(); st.Participants+st.Sockets+st.Publishers+st.Sessions != 0 {
			t.Errorf("left behind: %+v", st)
		}
		if h.ends() != 1 {
			t.Errorf("%d sessions were told to be closed", h.ends())
		}
	})
}

func TestSession_EndsAfterTheGraceAndTheNextIsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		p, first := h.join(stageOne, "ada")
		p.Leave()
		time.Sleep(119 * time.Second)
		_, second := h.join(stageOne, "ada")
		w1, _ := first.seen()
		w2, _ := second.seen()
		if w1[0].Session != w2[0].Session {
			t.Error("a join inside the grace did not go on with the session")
		}
		h.disconnect(stageOne, "ada")
		time.Sleep(121 * time.Second)
		synctest.Wait()
		if h.ends() != 1 || h.host.Stats().Sessions != 0 {
			t.Fatalf("%d closed, stats %+v", h.ends(), h.host.Stats())
		}
		_, third := h.join(stageOne, "bob")
		w3, _ := third.seen()
		if w3[0].Session == w2[0].Session {
			t.Error("the session came back after its end")
		}
	})
}

func TestLose_KeepsThePlaceForTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		raw := h.token(h.claims(stageOne, "ada"))
		p, s := h.join(stageOne, "ada")
		w, _ := s.seen()
		p.Lose()
		time.Sleep(9 * time.Second)
		back := newFakeSocket()
		p, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: stageOne, Resume: w[0].State.Resume, Socket: back})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got, _ := back.seen(); len(got) != 1 || !got[0].State.Resumed {
			t.Errorf("came back to %+v", got)
		}
		p.Lose()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := h.host.Stats().Participants; n != 0 {
			t.Errorf("%d participants are there after the window", n)
		}
	})
}

func TestResume_WorksWithAnExpiredTokenOnlyInsideTheParticipation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *Options) { o.ReconnectWindow = time.Minute })
		c := h.claims(stageOne, "ada")
		c.ExpiresAt = time.Now().Add(5 * time.Second)
		raw := h.token(c)
		s := newFakeSocket()
		p, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: stageOne, Socket: s})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w, _ := s.seen()
		time.Sleep(10 * time.Second)
		p.Lose()
		if _, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: stageOne, Resume: "wrong", Socket: newFakeSocket()}); live.ReasonOf(err) != live.TokenExpired {
			t.Errorf("an expired token with a wrong key gives %v", err)
		}
		if _, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: stageOne, Socket: newFakeSocket()}); live.ReasonOf(err) != live.TokenExpired {
			t.Errorf("an expired token gives %v", err)
		}
		if _, err := h.host.Join(t.Context(), JoinRequest{Token: raw, Topic: stageOne, Resume: w[0].State.Resume, Socket: newFakeSocket()}); err != nil {
			t.Errorf("going on with an expired token gives %v", err)
		}
	})
}

func TestHost_GoesOnWithoutTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *Options) { o.FactQueue = 4 })
		_, bob := h.join(stageOne, "bob")
		if err := h.bus.Close(); err != nil {
			t.Fatal(err)
		}
		pub := h.publish(stageOne, "ada")
		for i := range 20 {
			h.join(stageOne, live.ParticipantID(fmt.Sprintf("cyd%d", i)))
		}
		pub.Close()
		synctest.Wait()
		if _, updates := bob.seen(); len(updates) != 2 {
			t.Errorf("bob heard of %d updates", len(updates))
		}
		if st := h.host.Stats(); st.Participants != 21 || st.FactsLost == 0 {
			t.Errorf("stats %+v: want 21 participants, and lost facts counted", st)
		}
		_, err := h.host.Join(t.Context(), JoinRequest{
			Token: h.token(h.claims("another00001", "ada")), Topic: "another00001", Socket: newFakeSocket(),
		})
		if live.KindOf(err) != live.Unavailable {
			t.Errorf("opening another stage gives %v", err)
		}
	})
}

// A session that has ended can't be followed by another before the control plane knows of its end.
func TestJoin_DoesNotWaitForeverForTheEndToBeKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		p, _ := h.join(stageOne, "ada")
		p.Leave()
		_ = h.bus.Close()
		time.Sleep(3 * time.Minute)
		start := time.Now()
		_, err := h.host.Join(t.Context(), JoinRequest{
			Token: h.token(h.claims(stageOne, "bob")), Topic: stageOne, Socket: newFakeSocket(),
		})
		if live.KindOf(err) != live.Unavailable || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestDrain_RefusesNewcomersAndRunTakesLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		_, ada := h.join(stageOne, "ada")
		w, _ := ada.seen()
		drained := make(chan error)
		ctx := t.Context()
		go func() { drained <- h.host.Drain(ctx) }()
		synctest.Wait()
		h.refused(stageOne, "bob", live.NoCapacity)
		h.refused("another00001", "bob", live.NoCapacity)
		if _, err := h.host.PublishLocal(ctx, stageOne, LocalParticipant{ID: "obs"}, nil); live.ReasonOf(err) != live.NoCapacity {
			t.Errorf("publishing while draining gives %v", err)
		}
		// Who is there may come back until the end.
		again := newFakeSocket()
		if _, err := h.host.Join(ctx, JoinRequest{
			Token: h.token(h.claims(stageOne, "ada")), Topic: stageOne, Resume: w[0].State.Resume, Socket: again,
		}); err != nil {
			t.Errorf("resuming while draining gives %v", err)
		}
		h.stop()
		<-h.done
		if again.reason() != live.LeaveServerDrained {
			t.Errorf("ada was told %q", again.reason())
		}
		if err := <-drained; err != nil {
			t.Errorf("drain: %v", err)
		}
		if h.ends() != 1 || !slices.Contains(h.names(), "LEFT ada") {
			t.Errorf("%d closed, facts %v", h.ends(), h.names())
		}
	})
}

func TestRun_EndsInTimeWhenTheControlPlaneIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.join(stageOne, "ada")
		_ = h.bus.Close()
		start := time.Now()
		h.stop()
		<-h.done
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("stopping took %v", took)
		}
	})
}

func TestLimits_NameThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *Options) { o.PublishersPerStage, o.MaxParticipants = 1, 3 })
		h.publish(stageOne, "ada")
		_, err := h.host.PublishLocal(t.Context(), stageOne, LocalParticipant{ID: "bob"}, nil)
		if live.ReasonOf(err) != live.QuotaExceeded || !strings.Contains(err.Error(), "the limit is 1 (setting quotas.publishers_per_stage)") {
			t.Errorf("a second publisher gives %v", err)
		}
		h.join(stageOne, "bob")
		h.join(stageOne, "cyd")
		_, err = h.host.Join(t.Context(), JoinRequest{Token: h.token(h.claims(stageOne, "dan")), Topic: stageOne, Socket: newFakeSocket()})
		if live.ReasonOf(err) != live.QuotaExceeded || !strings.Contains(err.Error(), "max_participants") {
			t.Errorf("a fourth participant gives %v", err)
		}
		h.join(stageOne, "cyd")    // who is in may come in again,
		h.publish(stageOne, "ada") // and do more
	})
}

func TestPublishLocal_ReplacesAndEndsLikeOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		first := h.publish(stageOne, "ada")
		second := h.publish(stageOne, "ada")
		select {
		case <-first.Done():
		default:
			t.Error("the first publication goes on beside the second")
		}
		if st := h.host.Stats(); st.Publishers != 1 {
			t.Errorf("%d publishers", st.Publishers)
		}
		p := media.Packet{Payload: []byte{0x65, 1}}
		for _, r := range append(first.Receivers(), second.Receivers()...) {
			r.Receive(&p) // those of the first are dropped
		}
		h.disconnect(stageOne, "ada")
		select {
		case <-second.Done():
		default:
			t.Error("a disconnected participant publishes on")
		}
		second.Close()
		if _, err := h.host.PublishLocal(t.Context(), stageOne, LocalParticipant{ID: "ada"}, nil); live.ReasonOf(err) != live.ParticipantRevoked {
			t.Errorf("publishing after the disconnect gives %v", err)
		}
	})
}

// security.md row 47: whatever ids one tries, nobody of another stage can be subscribed to.
func TestSubscribe_NeverCrossesStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		stages := []live.StageID{stageOne, "another00001", "third0000001"}
		for i, s := range stages {
			h.publish(s, live.ParticipantID(fmt.Sprintf("pub%d", i)))
		}
		for range 200 {
			from, to := rand.IntN(3), rand.IntN(3)
			if from == to {
				continue
			}
			c := h.claims(stages[from], "eve")
			_, err := h.host.Subscribe(t.Context(), c, live.ParticipantID(fmt.Sprintf("pub%d", to)), Offer{SDP: []byte(recvOffer)})
			if live.ReasonOf(err) != live.PublisherNotFound {
				t.Fatalf("subscribing from stage %d to a publisher of stage %d gives %v", from, to, err)
			}
		}
		if st := h.host.Stats(); st.Pending != 0 || st.Subscriptions != 0 || st.Participants != 3 {
			t.Errorf("left behind: %+v", st)
		}
	})
}

func TestPending_CapsEachHolderAndEachAddress(t *testing.T) {
	var p pending
	p.init(2, 3)
	from := netip.MustParseAddr("192.0.2.1")
	var releases []func()
	take := func(id live.ParticipantID, from netip.Addr) error {
		release, err := p.reserve(holder{stageOne, id}, from)
		if err == nil {
			releases = append(releases, release)
		}
		return err
	}
	for _, id := range []live.ParticipantID{"ada", "ada", "bob"} {
		if err := take(id, from); err != nil {
			t.Fatal(err)
		}
	}
	if err := take("ada", netip.MustParseAddr("192.0.2.9")); live.ReasonOf(err) != live.QuotaExceeded {
		t.Errorf("a third of ada gives %v", err)
	}
	if err := take("cyd", netip.MustParseAddr("::ffff:192.0.2.1")); live.ReasonOf(err) != live.QuotaExceeded {
		t.Errorf("a fourth of the address gives %v", err)
	}
	for _, r := range releases {
		r()
		r()
	}
	if p.count() != 0 || len(p.holder) != 0 || len(p.address) != 0 {
		t.Errorf("places are left: %v %v", p.holder, p.address)
	}
	// A customer's IPv6 network counts as one.
	if err := take("ada", netip.MustParseAddr("2001:db8::1")); err != nil {
		t.Fatal(err)
	}
	if p.address[netip.MustParseAddr("2001:db8::")] != 1 {
		t.Errorf("addresses: %v", p.address)
	}
}

const recvOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\n" +
	"a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n" +
	"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
	"a=setup:actpass\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n" +
	"a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
