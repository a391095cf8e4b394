package roster

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// TestRoster_HoldsItsPromisesWhateverHappens plays random commands and checks after each what must always be true.
func TestRoster_HoldsItsPromisesWhateverHappens(t *testing.T) {
	for seed := range uint64(100) {
		w := newWorld(t, seed)
		for range 300 {
			w.step()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		w.empty()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// world is what others know of a roster: all they have is its effects.
type world struct {
	t       *testing.T
	rnd     *rand.Rand
	r       *Roster
	now     time.Time
	number  int // the last socket or media session
	keys    []string
	sockets map[SocketID]bool // told that they are in, and not that they are out
	media   map[MediaID]bool  // accepted, not ended
	barred  map[live.ParticipantID]bool
	joined  map[live.ParticipantID]bool
	on      map[live.ParticipantID]bool // publishing, as reported
	shows   map[string]bool             // replications that go on, as told
	shown   map[live.ParticipantID]Participant
	version uint64
	ended   bool
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		t: t, rnd: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1_700_000_000, 0),
		sockets: map[SocketID]bool{}, media: map[MediaID]bool{}, barred: map[live.ParticipantID]bool{},
		joined: map[live.ParticipantID]bool{}, on: map[live.ParticipantID]bool{}, shown: map[live.ParticipantID]Participant{}, shows: map[string]bool{},
	}
	w.r = New(Options{
		Stage: "stage", Session: "st-1", Publishers: 3, Subscribers: 3, Participants: 6, MediaSessions: 3,
		ReconnectWindow: 10 * time.Second, Grace: 24 * time.Hour, MaxDuration: time.Hour,
	}, w.now)
	return w
}

func (w *world) step() {
	w.now = w.now.Add(time.Duration(w.rnd.IntN(4000)) * time.Millisecond)
	w.number++
	who := Identity{
		ID:           live.ParticipantID('a' + rune(w.rnd.IntN(8))),
		Capabilities: live.Capabilities{Publish: w.rnd.IntN(10) > 0, Subscribe: w.rnd.IntN(10) > 0},
	}
	id := MediaID(fmt.Sprint("m", w.number))
	switch w.rnd.IntN(19) {
	case 0, 1, 2:
		c := Join{Identity: who, Socket: SocketID(w.number), Key: fmt.Sprint("k", w.number)}
		if len(w.keys) > 0 && w.rnd.IntN(3) == 0 {
			c.Resume = w.keys[w.rnd.IntN(len(w.keys))]
			c.HasSince, c.Since = w.rnd.IntN(2) == 0, w.version-uint64(w.rnd.IntN(3))
		}
		w.keys = append(w.keys, c.Key)
		w.do(c)
	case 3:
		s := w.anySocket()
		delete(w.sockets, s)
		w.do(Lose{Socket: s})
	case 4:
		s := w.anySocket()
		delete(w.sockets, s)
		w.do(Leave{Socket: s})
	case 5:
		on := w.rnd.IntN(2) == 0
		w.do(SetMedia{Socket: w.anySocket(), AudioMuted: &on})
	case 6, 7:
		if w.do(Publish{Identity: who, Media: id, Tracks: []string{"video"}}) == nil {
			w.media[id] = true
		}
	case 8, 9:
		to := live.ParticipantID('a' + rune(w.rnd.IntN(8)))
		if w.do(Subscribe{Identity: who, Media: id, Publisher: to}) == nil {
			w.media[id] = true
		}
	case 10, 11:
		w.do(Connected{Media: w.anyMedia()})
	case 12:
		w.do(Ended{Media: w.anyMedia()})
	case 13:
		if w.rnd.IntN(15) == 0 {
			w.barred[who.ID] = true
			w.do(Bar{Participant: who.ID})
		}
	case 14:
		w.do(Exchange{Socket: w.anySocket(), Identity: who})
	case 15:
		c := Replicate{ID: fmt.Sprint("r", w.number), Participant: who.ID, Window: time.Duration(w.rnd.IntN(3)) * 10 * time.Second}
		if w.do(c) == nil && w.r.Replicates(c.ID) {
			w.shows[c.ID] = true
		}
	case 16:
		if id := w.any(w.shows); w.rnd.IntN(2) == 0 {
			delete(w.shows, id)
			w.do(StopReplicating{ID: id})
		} else {
			w.do(EndReplication{ID: id})
		}
	case 17:
		c := Mirror{Replication: "copy" + string(who.ID), First: w.rnd.IntN(2) == 0, Participant: Participant{ID: who.ID, UserID: string(id)}}
		if w.rnd.IntN(3) > 0 {
			c.Media, c.Participant.IsPublishing = id, true
			w.media[id] = true
		}
		if w.do(c); c.Media != "" && w.r.media[id] == nil {
			delete(w.media, id)
		}
	case 18:
		w.do(Unmirror{Replication: "copy" + string(who.ID), Participant: who.ID})
	}
	w.do(Tick{})
}

// empty has everyone leave, and expects the session's end.
func (w *world) empty() {
	for len(w.sockets) > 0 {
		s := w.anySocket()
		delete(w.sockets, s)
		w.do(Leave{Socket: s})
	}
	for id := range w.r.participants {
		w.do(Unmirror{Replication: "copy" + string(id), Participant: id})
	}
	for len(w.media) > 0 {
		w.do(Ended{Media: w.anyMedia()})
	}
	w.now = w.now.Add(time.Minute)
	w.do(Tick{})
	if len(w.shown)+len(w.joined)+len(w.on)+len(w.shows) > 0 {
		w.t.Errorf("left: shown %v, joined %v, publishing %v, shown elsewhere %v", w.shown, w.joined, w.on, w.shows)
	}
	w.now = w.now.Add(24 * time.Hour)
	w.do(Tick{})
	if !w.ended || !w.r.Over() {
		w.t.Error("an empty session does not end")
	}
}

func (w *world) anySocket() SocketID {
	for s := range w.sockets {
		return s
	}
	return 0
}

func (w *world) any(of map[string]bool) string {
	for id := range of {
		return id
	}
	return "none"
}

func (w *world) anyMedia() MediaID {
	for m := range w.media {
		return m
	}
	return "none"
}

func (w *world) do(c Command) error {
	effects, err := w.r.Do(c, w.now)
	for _, e := range effects {
		w.apply(e)
	}
	w.check()
	return err
}

func (w *world) apply(e Effect) {
	switch e := e.(type) {
	case Welcome:
		w.sockets[e.Socket] = true
		if e.State.Version != w.version {
			w.t.Errorf("welcomed to version %d, it is %d", e.State.Version, w.version)
		}
	case Replay:
		w.sockets[e.Socket] = true
		if n := len(e.Updates); e.State.Version+uint64(n) != w.version {
			w.t.Errorf("%d updates after version %d, it is %d", n, e.State.Version, w.version)
		}
	case Announce:
		if w.version++; e.Update.Version != w.version {
			w.t.Errorf("update %d after %d", e.Update.Version, w.version-1)
		}
		for _, c := range e.Update.Changes {
			w.change(c)
		}
	case Expel:
		w.gone(e.Socket)
	case Retire:
		w.gone(e.Socket)
	case EndMedia:
		delete(w.media, e.Media)
	case Hide:
		if delete(w.shows, e.Replication); w.r.Replicates(e.Replication) {
			w.t.Errorf("%s is hidden and goes on", e.Replication)
		}
	case Report:
		w.fact(e.Fact)
	case End:
		w.ended = true
	}
}

func (w *world) gone(s SocketID) {
	if !w.sockets[s] {
		w.t.Errorf("socket %d is closed, and was not there", s)
	}
	delete(w.sockets, s)
}

func (w *world) change(c Change) {
	id := c.Participant.ID
	_, known := w.shown[id]
	if known == (c.Op == OpJoin) {
		w.t.Errorf("%s of %s, who was known: %t", c.Op, id, known)
	}
	if c.Participant.IsPublishing != (c.Op != OpLeave) {
		w.t.Errorf("%s of %s, publishing: %t", c.Op, id, c.Participant.IsPublishing)
	}
	if c.Op == OpLeave {
		delete(w.shown, id)
		return
	}
	w.shown[id] = c.Participant
}

func (w *world) fact(f live.Fact) {
	flip := func(m map[live.ParticipantID]bool, to bool) {
		if m[f.Participant] == to {
			w.t.Errorf("%s of %s twice", f.Name, f.Participant)
		}
		if m[f.Participant] = to; !to {
			delete(m, f.Participant)
		}
	}
	switch f.Name {
	case live.ParticipantJoined:
		flip(w.joined, true)
	case live.ParticipantLeft:
		flip(w.joined, false)
		if w.on[f.Participant] {
			w.t.Errorf("%s left before it stopped publishing", f.Participant)
		}
	case live.PublishStarted:
		flip(w.on, true)
	case live.PublishStopped:
		flip(w.on, false)
	}
	if !w.joined[f.Participant] && (f.Name == live.PublishStarted || f.Name == live.SubscribeStarted) {
		w.t.Errorf("%s of %s, who has not joined", f.Name, f.Participant)
	}
}

// check compares what others know with what the roster holds, and its sums with its parts.
func (w *world) check() {
	r := w.r
	if len(r.publishers) != len(w.shown) || len(r.participants) > r.o.Participants {
		w.t.Errorf("%d publish, %d are shown; %d participants", len(r.publishers), len(w.shown), len(r.participants))
	}
	for _, p := range r.publishers {
		if p.gone || fmt.Sprint(p.view()) != fmt.Sprint(w.shown[p.ID]) {
			w.t.Errorf("shown %v, is %v", w.shown[p.ID], p.view())
		}
	}
	subs, subscribers, offering, sessions, replicas := 0, 0, 0, 0, 0
	for id, p := range r.participants {
		if w.barred[id] || p.gone || p.socket == 0 && p.lostAt.IsZero() && p.sessions() == 0 && p.replica == nil {
			w.t.Errorf("%s is there: barred %t, gone %t", id, w.barred[id], p.gone)
		}
		sessions += p.sessions()
		subs += len(p.subs)
		if len(p.subs) > 0 {
			subscribers++
		}
		if p.replica != nil {
			replicas++
		}
		if p.current() != nil || p.replica != nil {
			offering++
		}
	}
	if subs != r.subscriptions || subscribers != r.subscribers || offering != r.offering || sessions != len(r.media) ||
		offering > r.o.Publishers || subscribers > r.o.Subscribers {
		w.t.Errorf("sums: %d %d %d %d, kept: %d %d %d %d", subs, subscribers, offering, sessions,
			r.subscriptions, r.subscribers, r.offering, len(r.media))
	}
	if replicas != r.replicas {
		w.t.Errorf("%d replicas, %d are counted", replicas, r.replicas)
	}
	for id, list := range r.viewers {
		publisher := r.participants[id]
		if publisher == nil || publisher.current() == nil {
			w.t.Errorf("%s shows nothing and has %d viewers", id, len(list))
		}
		for i, m := range list {
			if m.at != i || r.media[m.id] != m {
				w.t.Errorf("viewer %s of %s is out of place", m.id, id)
			}
		}
	}
	for id := range r.media {
		if _, accepted := w.media[id]; !accepted && id != MediaID(fmt.Sprint("m", w.number)) {
			w.t.Errorf("media session %s lives on after its end was told", id)
		}
	}
}

func TestReplay_IsBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := New(Options{Stage: "stage", Session: "st-1", ReconnectWindow: time.Minute, Grace: time.Minute}, now)
	do := func(c Command) []Effect {
		t.Helper()
		effects, err := r.Do(c, now)
		if err != nil {
			t.Fatal(err)
		}
		return effects
	}
	who := Identity{ID: "ada", Capabilities: live.Capabilities{Publish: true}}
	do(Join{Identity: who, Socket: 1, Key: "key"})
	do(Publish{Identity: who, Media: "m", Tracks: []string{"audio"}})
	do(Connected{Media: "m"})
	muted := false
	for range 2 * replayable {
		muted = !muted
		do(SetMedia{Socket: 1, AudioMuted: &muted})
	}
	last := uint64(2*replayable + 1)
	for since, replayed := range map[uint64]bool{
		last: true, last - 1: true, last - replayable: true, last - replayable - 1: false, 0: false, last + 1: false,
	} {
		effects := do(Join{Identity: who, Socket: 2, Resume: "key", Since: since, HasSince: true})
		replay, ok := effects[len(effects)-1].(Replay)
		if ok != replayed || ok && uint64(len(replay.Updates)) != last-since {
			t.Errorf("resuming after version %d of %d: replayed %t, %d updates", since, last, ok, len(replay.Updates))
		}
	}
}
