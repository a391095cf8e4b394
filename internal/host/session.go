package host

import (
	"context"
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/roster"
	"github.com/proscenium-live/proscenium/internal/sfu"
)

// session is a stage's session on this node: its roster, and what the roster's effects work on.
type session struct {
	h     *Host
	stage live.StageID
	arn   string // of the stage, as granted
	id    live.SessionID
	room  *sfu.Room

	ready  chan struct{} // closed when the session is open, or refused (then err says why)
	err    error
	wake   chan struct{} // has a token when there is something in the queue
	ended  chan struct{} // closed when nothing is applied any more
	closed chan struct{} // closed when the control plane knows

	mu       sync.Mutex
	roster   *roster.Roster // nil until the session is open
	early    []roster.Command
	queue    []step
	arriving map[roster.SocketID]Socket // accepted, not welcomed yet
	over     bool                       // the queue takes no more

	// Of run alone:
	sockets map[roster.SocketID]Socket
	feeds   map[live.ParticipantID]*feed
	tending tending
}

// step is one thing to do for run: an effect of the roster, or a call.
type step struct {
	effect roster.Effect
	call   func()
	told   *told // who waits until the effect has reached the client, if anyone
}

// told collects what a command's sockets have yet to be told.
type told struct {
	applied chan struct{}
	sockets []<-chan struct{}
}

func newSession(h *Host, stage live.StageID) *session {
	return &session{
		h: h, stage: stage,
		ready: make(chan struct{}), wake: make(chan struct{}, 1),
		ended: make(chan struct{}), closed: make(chan struct{}),
		arriving: make(map[roster.SocketID]Socket),
		sockets:  make(map[roster.SocketID]Socket),
		feeds:    make(map[live.ParticipantID]*feed),
	}
}

// do has the roster obey a command and queues what follows from it; then is done after that, unless the command was
// refused.
func (s *session) do(c roster.Command, then ...func()) error {
	return s.queueUp(c, nil, nil, then)
}

// arrive is do for a Join.
func (s *session) arrive(c roster.Join, socket Socket) error {
	return s.queueUp(c, socket, nil, nil)
}

func (s *session) queueUp(c roster.Command, socket Socket, t *told, then []func()) error {
	now := time.Now()
	s.mu.Lock()
	before := s.roster.Counts()
	effects, err := s.roster.Do(c, now)
	after := s.roster.Counts()
	if err == nil && socket != nil {
		s.arriving[c.(roster.Join).Socket] = socket
	}
	if !s.over {
		for _, e := range effects {
			s.queue = append(s.queue, step{effect: e, told: t})
		}
		if err == nil {
			for _, f := range then {
				s.queue = append(s.queue, step{call: f})
			}
		}
		if t != nil {
			s.queue = append(s.queue, step{call: func() { close(t.applied) }})
		}
	}
	s.mu.Unlock()
	s.h.counts.change(before, after)
	s.poke()
	return err
}

// post queues a call. It returns false if the session has ended and the call will never be made.
func (s *session) post(call func()) bool {
	s.mu.Lock()
	over := s.over
	if !over {
		s.queue = append(s.queue, step{call: call})
	}
	s.mu.Unlock()
	s.poke()
	return !over
}

func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run applies the effects until the session is over.
func (s *session) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer s.tending.stop()
	for {
		steps, next, some := s.take()
		for _, st := range steps {
			s.apply(st)
		}
		if len(steps) > 0 {
			continue
		}
		if s.finish() {
			return
		}
		timer.Stop()
		var due <-chan time.Time
		if some {
			timer.Reset(time.Until(next))
			due = timer.C
		}
		select {
		case <-s.wake:
		case <-due:
			_ = s.do(roster.Tick{}) // a Tick is never refused
		case <-s.tending.due():
			if !s.tend(media.Now()) {
				s.tending.stop()
			}
		}
	}
}

// take returns what is to be done, and when the roster's next deadline is.
func (s *session) take() (steps []step, next time.Time, some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	steps, s.queue = s.queue, nil
	next, some = s.roster.Next()
	return steps, next, some
}

// finish closes the queue if the roster has ended and everything was applied.
func (s *session) finish() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roster.Over() && len(s.queue) == 0 {
		s.over = true
	}
	return s.over
}

// apply makes one thing happen.
func (s *session) apply(st step) {
	if st.call != nil {
		st.call()
		return
	}
	switch e := st.effect.(type) {
	case roster.Welcome:
		if socket := s.socket(e.Socket); socket != nil {
			socket.Welcome(s.welcome(e.State))
			s.remindLayers(socket, e.State)
			s.h.allocator.remind(holder{stage: s.stage, id: e.State.Participant})
		}
	case roster.Replay:
		if socket := s.socket(e.Socket); socket != nil {
			socket.Replay(s.welcome(e.State), announcements(s.stage, e.Updates))
			s.remindLayers(socket, e.State)
			s.h.allocator.remind(holder{stage: s.stage, id: e.State.Participant})
		}
	case roster.Announce:
		a := &Announcement{Stage: s.stage, Update: e.Update}
		for _, socket := range s.sockets {
			socket.Announce(a)
		}
	case roster.Expel:
		s.expel(e, st.told)
	case roster.Retire:
		if socket := s.socket(e.Socket); socket != nil {
			s.forget(e.Socket)
			socket.Retire()
		}
	case roster.Tell:
		if socket := s.socket(e.Socket); socket != nil {
			socket.Tell(e.Code, e.Message)
		}
	case roster.EndMedia:
		s.endMedia(e.Media)
	case roster.Route:
		s.route(e)
	case roster.Exchanged:
		if socket := s.socket(e.Socket); socket != nil {
			socket.Exchanged(e)
		}
	case roster.Show:
		s.showThere(e)
	case roster.Hide:
		s.hideThere(e.Replication)
	case roster.Displaced:
		s.giveUp(e.Replication)
	case roster.Report:
		s.h.reporter.fact(e.Fact)
	case roster.End:
	default:
		panic("host: an effect that nobody applies")
	}
}

func (s *session) expel(e roster.Expel, t *told) {
	socket := s.socket(e.Socket)
	if socket == nil {
		return
	}
	s.forget(e.Socket)
	done := socket.Expel(e.Reason, e.Message)
	if t != nil {
		t.sockets = append(t.sockets, done)
	}
}

// socket returns a connection that is there, or has just arrived.
func (s *session) socket(id roster.SocketID) Socket {
	if socket := s.sockets[id]; socket != nil {
		return socket
	}
	s.mu.Lock()
	socket := s.arriving[id]
	delete(s.arriving, id)
	s.mu.Unlock()
	if socket != nil {
		s.sockets[id] = socket
		s.h.counts.sockets.Add(1)
	}
	return socket
}

// forget takes a connection out. It is no error if it was not there.
func (s *session) forget(id roster.SocketID) {
	if s.socket(id) != nil {
		delete(s.sockets, id)
		s.h.counts.sockets.Add(-1)
	}
}

func (s *session) welcome(state roster.State) Welcome {
	return Welcome{Stage: s.stage, Session: s.id, ReconnectWindow: s.h.o.ReconnectWindow, State: state}
}

// obey is do for commands of the control plane: it returns when the command has been applied and those it concerns have
// been told, or have been given up on. It heeds no context: the bus ends a handler's when the session stops listening,
// which may be this very command's doing.
func (s *session) obey(c roster.Command) error {
	s.mu.Lock()
	if s.roster == nil { // nobody is in yet; open applies it before anyone comes in
		s.early = append(s.early, c)
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	t := &told{applied: make(chan struct{})}
	if err := s.queueUp(c, nil, t, nil); err != nil {
		return err
	}
	select {
	case <-t.applied:
	case <-s.ended:
		select {
		case <-t.applied: // and ended by that
		default:
			return nil
		}
	}
	patience := time.NewTimer(tellTimeout)
	defer patience.Stop()
	defer s.recorded()
	for _, done := range t.sockets {
		select {
		case <-done:
		case <-patience.C:
			return nil
		}
	}
	return nil
}

// recorded waits a moment for what has happened so far to be written, so that whoever gave a command reads its facts
// when it is answered.
func (s *session) recorded() {
	ctx, cancel := context.WithTimeout(s.h.ctx, recordTimeout)
	defer cancel()
	s.h.reporter.flush(ctx)
}

// recordTimeout and tellTimeout together are less than the control plane waits.
const recordTimeout = 200 * time.Millisecond

// tellTimeout is how long a command waits for a client to take its last frame. The control plane waits for a second in
// all, and a client that reads nothing must not make the command look undone: its media has ended by then.
const tellTimeout = 700 * time.Millisecond

// drain tells everyone that the server stops. It does not wait.
func (s *session) drain(ctx context.Context) {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return
	}
	if s.err == nil {
		_ = s.do(roster.Drain{}) // never refused
	}
}

func (c *counts) change(before, after roster.Counts) {
	c.participants.Add(int64(after.Participants - before.Participants))
	c.replicas.Add(int64(after.Replicas - before.Replicas))
	c.publications.Add(int64(after.Publications - before.Publications))
	c.subscriptions.Add(int64(after.Subscriptions - before.Subscriptions))
}
