package signal

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/live"
)

// events opens a state socket. It returns when the join has been decided: the socket goes on in goroutines of its own,
// whose stacks are a fraction of this one's.
func (h *Handler) events(w http.ResponseWriter, r *http.Request) {
	if !h.enter() {
		h.refuse(w, live.Refuse(live.Unavailable, live.NoCapacity, "the server stops"))
		return
	}
	token, protocol := socketToken(r)
	// Any origin may connect: the token authorises, and no browser sends it by itself (security.md row 35).
	// Compression stays off, so that no frame can grow on the way in.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: protocol, InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		h.wg.Done()
		return // Accept has answered
	}
	conn.SetReadLimit(h.o.MaxFrame)
	ctx, cancel := context.WithCancel(h.ctx)
	joining, span := h.o.Tracer.Start(ctx, "join")
	s := newSocket(conn, &h.o)
	s.accepted, s.span = time.Now(), span
	go s.run(ctx)
	request := host.JoinRequest{Token: token, Topic: live.StageID(r.PathValue("topic")), Client: socketClient(r), Socket: s}
	readResume(r, &request)
	p, err := h.host.Join(joining, request)
	if err != nil {
		fail(span, err)
		e, code := joinError(err)
		h.note(err, e.Code)
		s.end(encode(typeJoinError, e), code, e.Code)
	}
	go func() {
		defer h.wg.Done()
		if p == nil {
			drain(ctx, conn)
		} else {
			h.read(ctx, s, p)
		}
		cancel()
		<-s.done
	}()
}

// socketToken returns the token of an upgrade, and the subprotocols to choose from: the token itself, if it came as one.
func socketToken(r *http.Request) (token string, protocols []string) {
	if t, ok := bearer(r); ok {
		return t, nil
	}
	var offered []string
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if p = strings.TrimSpace(p); p != "" {
				offered = append(offered, p)
			}
		}
	}
	// A client may offer other protocols beside its token, which alone has two dots.
	for _, p := range offered {
		if strings.Count(p, ".") == 2 {
			return p, []string{p}
		}
	}
	if len(offered) > 0 {
		return offered[0], offered[:1]
	}
	return "", nil
}

func readResume(r *http.Request, j *host.JoinRequest) {
	q := r.URL.Query()
	j.Resume = q.Get("resume")
	if since, err := strconv.ParseUint(q.Get("version"), 10, 64); err == nil {
		j.Since, j.HasSince = since, true
	}
}

// read obeys the client until the socket ends.
func (h *Handler) read(ctx context.Context, s *socket, p *host.Participation) {
	limit := rate.NewLimiter(rate.Limit(h.o.FrameRate), 2*h.o.FrameRate)
	exchanges := rate.NewLimiter(rate.Every(exchangeEvery), exchangesAtOnce)
	for {
		kind, data, err := s.conn.Read(ctx)
		switch {
		case err != nil && websocket.CloseStatus(err) == websocket.StatusNormalClosure:
			p.Leave()
			return
		case err != nil:
			p.Lose()
			return
		case kind != websocket.MessageText:
			s.end(nil, websocket.StatusUnsupportedData, "frames are text")
			continue // until the close is answered
		case !limit.Allow():
			s.end(encode(typeError, refusal{
				Code: "RATE_LIMITED", Message: "more than " + strconv.Itoa(h.o.FrameRate) + " frames per second",
			}), websocket.StatusPolicyViolation, "RATE_LIMITED")
			continue
		}
		h.obey(s, p, exchanges, data)
	}
}

func (h *Handler) obey(s *socket, p *host.Participation, exchanges *rate.Limiter, data []byte) {
	r, err := readRequest(data)
	if err != nil {
		s.send(encode(typeError, refusal{Code: "BAD_FRAME", Message: err.Error()}))
		return
	}
	switch r.kind {
	case typePing:
		s.send(encode(typePong, nil))
	case typeGetState:
		p.Ask()
	case typeSetSubscription:
		if err := p.Wish(r.wish); err != nil {
			s.send(encode(typeError, refusal{Code: "BAD_FRAME", Message: err.Error()}))
		}
	case typeMediaState:
		p.SetMedia(r.audioMuted, r.videoStopped)
	case typeStats:
		p.Played(r.played)
	case typeExchange:
		h.exchange(s, p, exchanges, r.token)
	case typeLeave:
		p.Leave()
		s.end(nil, websocket.StatusNormalClosure, "")
	}
}

// drain reads and forgets until the connection ends, so that the close is seen to be answered.
func drain(ctx context.Context, conn *websocket.Conn) {
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return
		}
	}
}
