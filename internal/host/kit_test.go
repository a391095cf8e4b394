package host

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/sfu"
	"github.com/proscenium-live/proscenium/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const stageOne = live.StageID("stageOne0001")

func arnOf(stage live.StageID) live.ARN {
	return live.ARN{Region: "us-east-1", Account: "000000000000", Type: live.TypeStage, ID: string(stage)}
}

var tokenKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := token.GenerateKey()
	if err != nil {
		panic(err)
	}
	return key
})

// house is a host on a bus with a control plane of a few lines.
type house struct {
	t    *testing.T
	bus  *inproc.Bus
	host *Host
	key  *ecdsa.PrivateKey
	stop context.CancelFunc
	done chan struct{}

	mu     sync.Mutex
	grant  func(live.OpenSession) (live.SessionGrant, error)
	opened int
	facts  []live.Fact
	closed []live.SessionClosed
}

// open starts a house in virtual time; what it starts has ended when the test has.
func open(t *testing.T, change func(*Options)) *house {
	t.Helper()
	h := &house{t: t, bus: inproc.New(), key: tokenKey(), done: make(chan struct{})}
	h.grant = func(r live.OpenSession) (live.SessionGrant, error) {
		return live.SessionGrant{Session: live.NewSessionID(), Stage: arnOf(r.Stage).String()}, nil
	}
	h.serve()
	engine := sfu.NewEngine(sfu.Options{Workers: 1})
	o := Options{
		Node: "node00000001", Bus: h.bus, Engine: engine, Verifier: token.NewVerifier(&h.key.PublicKey),
		Log: slog.New(slog.DiscardHandler), ReconnectWindow: 10 * time.Second, SessionGrace: 2 * time.Minute,
	}
	if change != nil {
		change(&o)
	}
	h.host = Open(o)
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() {
		defer close(h.done)
		if err := h.host.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-h.done
		_ = h.bus.Close()
	})
	return h
}

func (h *house) serve() {
	subscribe := func(subject string, handle bus.Handler) {
		if _, err := h.bus.Subscribe(subject, bus.ControlGroup, handle); err != nil {
			h.t.Fatal(err)
		}
	}
	subscribe(bus.OpenSession, bus.Serve(func(_ context.Context, r live.OpenSession) (live.SessionGrant, error) {
		h.mu.Lock()
		h.opened++
		grant := h.grant
		h.mu.Unlock()
		return grant(r)
	}))
	subscribe(bus.SessionClosed, bus.Serve(func(_ context.Context, c live.SessionClosed) (struct{}, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.closed = append(h.closed, c)
		return struct{}{}, nil
	}))
	subscribe(bus.Facts, bus.Serve(func(_ context.Context, r live.Reports) (struct{}, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.facts = append(h.facts, r.Facts...)
		return struct{}{}, nil
	}))
}

// names returns the facts so far, in words.
func (h *house) names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, f := range h.facts {
		s := string(f.Name) + " " + string(f.Participant)
		if f.ErrorCode != "" {
			s += " " + string(f.ErrorCode)
		}
		names = append(names, s)
	}
	return names
}

// grants has the control plane answer so from now on.
func (h *house) grants(grant func(live.OpenSession) (live.SessionGrant, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.grant = grant
}

// asked returns how often a session was asked for, ends how many were told to be closed.
func (h *house) asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.opened
}

func (h *house) ends() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.closed)
}

func (h *house) claims(stage live.StageID, id live.ParticipantID) live.Claims {
	now := time.Now()
	return live.Claims{
		Participant: id, Stage: arnOf(stage), Topic: stage,
		EventsURL: "ws://127.0.0.1/events", WHIPURL: "http://127.0.0.1/whip",
		Capabilities: live.Capabilities{Publish: true, Subscribe: true},
		IssuedAt:     now, ExpiresAt: now.Add(time.Hour),
	}
}

func (h *house) token(c live.Claims) string {
	h.t.Helper()
	s, err := token.NewMinter(h.key).Mint(c)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(s)
}

// join brings a participant in and returns its socket, once it has been welcomed.
func (h *house) join(stage live.StageID, id live.ParticipantID) (*Participation, *fakeSocket) {
	h.t.Helper()
	s := newFakeSocket()
	p, err := h.host.Join(h.t.Context(), JoinRequest{Token: h.token(h.claims(stage, id)), Topic: stage, Socket: s})
	if err != nil {
		h.t.Fatalf("join of %s: %v", id, err)
	}
	synctest.Wait()
	return p, s
}

func (h *house) refused(stage live.StageID, id live.ParticipantID, want live.Reason) {
	h.t.Helper()
	_, err := h.host.Join(h.t.Context(), JoinRequest{Token: h.token(h.claims(stage, id)), Topic: stage, Socket: newFakeSocket()})
	if live.ReasonOf(err) != want {
		h.t.Errorf("join of %s gave %v, want %s", id, err, want)
	}
}

// disconnect does what the control plane does after it has noted a bar.
func (h *house) disconnect(stage live.StageID, id live.ParticipantID) {
	h.t.Helper()
	h.order(bus.DisconnectParticipant(stage), live.DisconnectParticipant{Stage: stage, Participant: id})
}

func (h *house) order(subject string, command any) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Second)
	defer cancel()
	if _, err := bus.Ask[struct{}](ctx, h.bus, subject, command); err != nil && !errors.Is(err, bus.ErrNobody) {
		h.t.Errorf("%s: %v", subject, err)
	}
}

// publish has a participant of the process publish sound and picture.
func (h *house) publish(stage live.StageID, id live.ParticipantID) *LocalPublication {
	h.t.Helper()
	pub, err := h.host.PublishLocal(h.t.Context(), stage, LocalParticipant{ID: id}, []media.Source{
		source{media.Track{ID: "a", Kind: media.Audio}}, source{media.Track{ID: "v", Kind: media.Video}},
	})
	if err != nil {
		h.t.Fatalf("publish of %s: %v", id, err)
	}
	synctest.Wait()
	return pub
}

type source struct{ track media.Track }

func (s source) Track() media.Track    { return s.track }
func (source) RequestKeyFrame()        {}
func (source) RequestPackets([]uint16) {}

// fakeSocket remembers what it was told. It never reads slowly, unless told is kept open.
type fakeSocket struct {
	warned []live.Reason // guarded by mu
	told   chan struct{}

	mu         sync.Mutex
	welcomes   []Welcome
	updates    []*Announcement
	expelled   live.LeaveReason
	exchanged  []roster.Exchanged
	retired    bool
	wanted     [][]WantedLayer
	subscribed []SubscriptionState
}

func newFakeSocket() *fakeSocket {
	s := &fakeSocket{told: make(chan struct{})}
	close(s.told)
	return s
}

func (s *fakeSocket) Welcome(w Welcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.welcomes = append(s.welcomes, w)
}

func (s *fakeSocket) Replay(w Welcome, missed []*Announcement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.welcomes = append(s.welcomes, w)
	s.updates = append(s.updates, missed...)
}

func (s *fakeSocket) Announce(a *Announcement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.updates = append(s.updates, a)
}

func (s *fakeSocket) Tell(code live.Reason, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warned = append(s.warned, code)
}

func (s *fakeSocket) WantLayers(list []WantedLayer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = append(s.wanted, list)
}

func (s *fakeSocket) warnings() []live.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warned
}

func (s *fakeSocket) Subscribed(state SubscriptionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribed = append(s.subscribed, state)
}

func (s *fakeSocket) Expel(reason live.LeaveReason, _ string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expelled = reason
	return s.told
}

func (s *fakeSocket) Retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
}

func (s *fakeSocket) reason() live.LeaveReason {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expelled
}

func (s *fakeSocket) seen() (welcomes []Welcome, updates []*Announcement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.welcomes, s.updates
}

func (s *fakeSocket) Exchanged(e roster.Exchanged) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exchanged = append(s.exchanged, e)
}
