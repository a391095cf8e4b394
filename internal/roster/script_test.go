package roster

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts in testdata gave")

// TestScripts plays testdata/*.txt: lines that begin with "> " are commands, the lines below say what happened.
//
// NB: if this test fails, run `go test ./internal/roster -rewrite` and inspect the diff. Only commit the changes if
// you understand what caused them and if they are desired.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("%s gives something else; got:\n%s", file, got)
			}
		})
	}
}

// play obeys the commands of a script and returns it with what happened.
func play(t *testing.T, script string) string {
	t.Helper()
	s := &stagehand{t: t, start: time.Unix(1_700_000_000, 0)}
	s.now = s.start
	var out strings.Builder
	blank := true
	for in := bufio.NewScanner(strings.NewReader(script)); in.Scan(); {
		line := in.Text()
		switch {
		case strings.HasPrefix(line, "> "):
			if !blank {
				out.WriteString("\n")
			}
			out.WriteString(line + "\n" + s.obey(strings.Fields(line[2:])))
			blank = false
		case strings.HasPrefix(line, "#"):
			if !blank {
				out.WriteString("\n")
			}
			out.WriteString(line + "\n")
			blank = true
		}
	}
	return out.String()
}

type stagehand struct {
	t          *testing.T
	start, now time.Time
	r          *Roster
}

func (s *stagehand) obey(words []string) string {
	args := map[string]string{}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		args[k] = v
	}
	who := Identity{Capabilities: live.Capabilities{Publish: args["can"] != "subscribe", Subscribe: args["can"] != "publish"}}
	if len(words) > 1 {
		who.ID = live.ParticipantID(words[1])
	}
	if u := args["user"]; u != "" {
		who.UserID = u
	}
	if a := args["attributes"]; a != "" {
		who.Attributes = pairs(a)
	}
	issued, _ := strconv.Atoi(args["issued"])
	who.Token = Token{
		SelfSigned: args["issued"] != "", EventsURL: "ws://" + args["at"], WHIPURL: "http://" + args["at"],
		IssuedAt: s.start.Add(time.Duration(issued) * time.Second), ExpiresAt: s.start.Add(time.Hour),
	}
	switch words[0] {
	case "options":
		s.r = New(s.options(args), s.now)
		return ""
	case "at":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.start.Add(d)
		return s.do(Tick{})
	case "next":
		at, ok := s.r.Next()
		if !ok {
			return "never\n"
		}
		return at.Sub(s.start).String() + "\n"
	case "join":
		c := Join{Identity: who, Socket: s.socket(args), Key: "key" + args["socket"], Resume: args["resume"]}
		if args["expired"] != "" {
			c.Otherwise = live.Refuse(live.Unauthorized, live.TokenExpired, "the token has expired")
		}
		if v, ok := args["since"]; ok {
			c.HasSince = true
			c.Since, _ = strconv.ParseUint(v, 10, 64)
		}
		return s.do(c)
	case "lose":
		return s.do(Lose{Socket: s.socket(args)})
	case "leave":
		return s.do(Leave{Socket: s.socket(args)})
	case "ask":
		return s.do(Ask{Socket: s.socket(args)})
	case "mute":
		return s.do(SetMedia{Socket: s.socket(args), AudioMuted: flagOf(args, "audio"), VideoStopped: flagOf(args, "video")})
	case "publish":
		tracks := strings.Split(args["tracks"], ",")
		return s.do(Publish{Identity: who, Media: MediaID(args["media"]), Tracks: tracks, Protocol: "WHIP"})
	case "subscribe":
		return s.do(Subscribe{Identity: who, Media: MediaID(args["media"]), Publisher: live.ParticipantID(args["to"])})
	case "connected":
		return s.do(Connected{Media: MediaID(words[1])})
	case "ended":
		return s.do(Ended{Media: MediaID(words[1])})
	case "exchange":
		return s.do(Exchange{Socket: s.socket(args), Identity: who})
	case "reject":
		return s.do(Reject{Socket: s.socket(args), Message: "no"})
	case "replicate":
		window, _ := time.ParseDuration(args["window"])
		return s.do(Replicate{
			ID: args["as"], Participant: who.ID, Stage: stageARN(args["to"]), Session: "st-2", Window: window, Attributes: who.Attributes,
		})
	case "stop":
		return s.do(StopReplicating{ID: words[1]})
	case "give-up":
		return s.do(EndReplication{ID: words[1]})
	case "mirror":
		c := Mirror{
			Replication: args["as"], First: args["first"] != "", Stage: stageARN("elsewhere"), Session: "st-0", Media: MediaID(args["media"]), Protocol: "WHIP",
			Participant: Participant{
				ID: who.ID, UserID: who.UserID, Attributes: who.Attributes, IsPublishing: args["media"] != "", AudioMuted: args["audio"] == "off",
			},
		}
		if c.Media != "" {
			c.Participant.Tracks = []string{"audio", "video"}
		}
		return s.do(c)
	case "unmirror":
		return s.do(Unmirror{Replication: args["as"], Participant: who.ID})
	case "bar":
		return s.do(Bar{Participant: who.ID})
	case "close":
		return s.do(Close{})
	case "drain":
		return s.do(Drain{})
	}
	s.t.Fatalf("the script says %q, which is no command", words[0])
	return ""
}

func stageARN(id string) live.ARN {
	return live.ARN{Region: "us-east-1", Account: "000000000000", Type: live.TypeStage, ID: id}
}

// pairs reads "a:b,c:d".
func pairs(text string) map[string]string {
	m := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		k, v, _ := strings.Cut(pair, ":")
		m[k] = v
	}
	return m
}

func (s *stagehand) options(args map[string]string) Options {
	number := func(name string) int { n, _ := strconv.Atoi(args[name]); return n }
	o := Options{
		Stage: "stage", Session: "st-1", Publishers: number("publishers"), Subscribers: number("subscribers"),
		Participants: number("participants"), MediaSessions: number("media"),
		ReconnectWindow: 10 * time.Second, Grace: 2 * time.Minute, MaxDuration: 24 * time.Hour,
	}
	if id := args["barred"]; id != "" {
		o.Barred = []live.ParticipantID{live.ParticipantID(id)}
	}
	return o
}

func (s *stagehand) socket(args map[string]string) SocketID {
	n, err := strconv.ParseUint(args["socket"], 10, 64)
	if err != nil {
		s.t.Fatalf("the script names no socket: %v", err)
	}
	return SocketID(n)
}

func flagOf(args map[string]string, name string) *bool {
	v, ok := args[name]
	if !ok {
		return nil
	}
	off := v == "off"
	return &off
}

func (s *stagehand) do(c Command) string {
	effects, err := s.r.Do(c, s.now)
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "refused %s: %s\n", live.ReasonOf(err), err)
	}
	for _, e := range effects {
		b.WriteString(describe(e) + "\n")
	}
	if b.Len() == 0 {
		b.WriteString("nothing\n")
	}
	return b.String()
}

func describe(e Effect) string {
	switch e := e.(type) {
	case Welcome:
		return fmt.Sprintf("welcome socket=%d v%d resume=%s resumed=%t %s", e.Socket, e.State.Version, e.State.Resume, e.State.Resumed, people(e.State.Participants))
	case Replay:
		s := fmt.Sprintf("replay socket=%d from v%d:", e.Socket, e.State.Version)
		for _, u := range e.Updates {
			s += " " + update(u)
		}
		return s
	case Announce:
		return "announce " + update(e.Update)
	case Expel:
		return fmt.Sprintf("expel socket=%d %s (%s)", e.Socket, e.Reason, e.Message)
	case Retire:
		return fmt.Sprintf("retire socket=%d", e.Socket)
	case EndMedia:
		return "end media " + string(e.Media)
	case Route:
		return fmt.Sprintf("route the viewers of %s to %s", e.Publisher, e.To)
	case Report:
		s := fmt.Sprintf("report %s %s", e.Fact.Name, e.Fact.Participant)
		if e.Fact.Remote != "" {
			s += " of " + string(e.Fact.Remote)
		}
		if e.Fact.ErrorCode != "" {
			s += " " + string(e.Fact.ErrorCode)
		}
		if e.Fact.Replica {
			s += " replica"
		}
		if e.Fact.SourceSession != "" {
			s += " from " + e.Fact.SourceStage.ID + " " + string(e.Fact.SourceSession)
		}
		if e.Fact.Replication != "" {
			s += " " + e.Fact.Replication + " to " + e.Fact.DestinationStage.ID + " " + string(e.Fact.DestinationSession)
		}
		if e.Fact.NewToken != nil {
			s += " from " + token(e.Fact.PreviousToken) + " to " + token(e.Fact.NewToken)
		}
		return s
	case Exchanged:
		return fmt.Sprintf("exchanged socket=%d %s %+v", e.Socket, person(e.Participant), e.Capabilities)
	case Show:
		s := fmt.Sprintf("show %s: %s", e.Replication, person(e.Participant))
		if e.First {
			s += " for the first time"
		}
		if e.Media != "" {
			s += " by " + string(e.Media) + " " + e.Protocol
		}
		return s
	case Hide:
		return "hide " + e.Replication
	case Displaced:
		return "displaced " + e.Replication
	case End:
		return "end of the session"
	}
	return fmt.Sprintf("%#v", e)
}

func token(t *live.ExchangedToken) string {
	return fmt.Sprintf("%q %v %+v", t.UserID, t.Attributes, t.Capabilities)
}

func update(u *Update) string {
	s := fmt.Sprintf("v%d", u.Version)
	for _, c := range u.Changes {
		s += fmt.Sprintf(" %s %s", c.Op, person(c.Participant))
	}
	return s
}

func people(all []Participant) string {
	var names []string
	for _, p := range all {
		names = append(names, person(p))
	}
	return "[" + strings.Join(names, " ") + "]"
}

func person(p Participant) string {
	s := string(p.ID)
	if p.UserID != "" {
		s += "/" + p.UserID
	}
	for _, k := range slices.Sorted(maps.Keys(p.Attributes)) {
		s += " " + k + "=" + p.Attributes[k] + " "
	}
	if p.IsPublishing {
		s += "(" + strings.Join(p.Tracks, ",")
		if p.AudioMuted {
			s += " muted"
		}
		if p.VideoStopped {
			s += " stopped"
		}
		if p.Protocol != "" {
			s += " " + p.Protocol
		}
		s += ")"
	}
	return s
}
