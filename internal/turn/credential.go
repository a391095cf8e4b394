package turn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Credential is what a client needs to be relayed.
type Credential struct {
	URLs     []string
	Username string
	Password string
	Lifetime time.Duration // from now on
}

// Credential makes a credential for a participant.
func (s *Server) Credential(who Participant) Credential {
	name := s.keys.name(who)
	return Credential{URLs: s.urls, Username: name, Password: s.keys.password(name), Lifetime: s.keys.lifetime}
}

// keys make and check credentials.
type keys struct {
	secret   [32]byte
	lifetime time.Duration
	now      func() time.Time
	standing func(Participant) Standing
}

// maxName is how long a name may be: RFC 8489 section 14.3 allows 508 bytes.
const maxName = 508

// name says until when it holds and whose it is: "1790000000:c3RhZ2UvYWRh", seconds since 1970 and
// "stage/participant" in base64url.
func (k *keys) name(who Participant) string {
	until := k.now().Add(k.lifetime).Unix()
	return strconv.FormatInt(until, 10) + ":" + user(who)
}

func user(who Participant) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(who.Stage) + "/" + string(who.ID)))
}

// password is the name's HMAC.
func (k *keys) password(name string) string {
	h := hmac.New(sha256.New, k.secret[:])
	_, _ = h.Write([]byte(name)) // never fails
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// readName reads a name, whoever made it.
func readName(name string) (until time.Time, who Participant, ok bool) {
	seconds, rest, ok := strings.Cut(name, ":")
	if !ok || len(name) > maxName || strings.ContainsAny(name, "\r\n") { // which base64 passes over
		return time.Time{}, Participant{}, false
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != seconds {
		return time.Time{}, Participant{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil {
		return time.Time{}, Participant{}, false
	}
	stage, id, ok := strings.Cut(string(raw), "/")
	who = Participant{Stage: live.StageID(stage), ID: live.ParticipantID(id)}
	return time.Unix(n, 0), who, ok && stage != "" && id != ""
}

// key returns the key that a request with the name must be signed with, false if no key would do. Whose name has
// expired may keep what it has for as long as its participant is there.
func (k *keys) key(name string, method stun.Method) (who Participant, key []byte, ok bool) {
	until, who, ok := readName(name)
	if !ok {
		return Participant{}, nil, false
	}
	switch k.standing(who) {
	case Barred:
		return Participant{}, nil, false
	case Absent:
		ok = k.now().Before(until)
	case There:
		ok = method != stun.MethodAllocate || k.now().Before(until)
	}
	return who, turn.GenerateAuthKey(name, realm, k.password(name)), ok
}

// authenticate is turn.AuthHandler. The user's id is without the date, so that a newer credential of the same
// participant may go on with its allocations.
func (s *Server) authenticate(a *turn.RequestAttributes) (id string, key []byte, ok bool) {
	who, key, ok := s.keys.key(a.Username, a.Method)
	if !ok || a.Realm != realm {
		s.counters.Refused.Add(1)
		return "", nil, false
	}
	return user(who), key, true
}
