package host

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/live"
)

// registrar is a control plane that keeps customers' keys.
type registrar struct {
	mu     sync.Mutex
	keys   map[live.ARN]string
	down   bool
	asked  int
	answer chan struct{} // nil: answers come at once
}

func (r *registrar) serve(t *testing.T, b *inproc.Bus) {
	t.Helper()
	_, err := b.Subscribe(bus.AskKey, bus.ControlGroup, bus.Serve(func(_ context.Context, a live.AskKey) (live.KeyAnswer, error) {
		r.mu.Lock()
		r.asked++
		answer, hold := live.KeyAnswer{Material: r.keys[a.Key]}, r.answer
		down := r.down
		r.mu.Unlock()
		if hold != nil {
			<-hold
		}
		if down {
			return live.KeyAnswer{}, errors.New("the records cannot be reached")
		}
		return answer, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// set changes the registrar and returns how often it has been asked.
func (r *registrar) set(change func()) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if change != nil {
		change()
	}
	return r.asked
}

func keyARN(id string) live.ARN {
	return live.ARN{Region: "us-east-1", Account: "000000000000", Type: live.TypePublicKey, ID: id}
}

func material(t *testing.T, key *ecdsa.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func forget(t *testing.T, b *inproc.Bus, id live.ARN) {
	t.Helper()
	if _, err := bus.Ask[struct{}](t.Context(), b, bus.ForgetKey, live.ForgetKey{Key: id}); err != nil {
		t.Fatal(err)
	}
}

// withKeys runs a test with a registrar that has the key "mine".
func withKeys(t *testing.T, test func(*testing.T, *inproc.Bus, *registrar, *keys)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := inproc.New()
		defer func() { _ = b.Close() }()
		r := &registrar{keys: map[live.ARN]string{keyARN("mine"): material(t, &tokenKey().PublicKey)}}
		r.serve(t, b)
		k := newKeys(b, slog.New(slog.DiscardHandler))
		defer k.close()
		test(t, b, r, k)
	})
}

func TestKeys_AreAskedForOnceInAWhile(t *testing.T) {
	withKeys(t, func(t *testing.T, _ *inproc.Bus, r *registrar, k *keys) {
		for range 5 {
			if key, err := k.PublicKey(keyARN("mine")); err != nil || !key.Equal(&tokenKey().PublicKey) {
				t.Fatalf("got %v", err)
			}
			if _, err := k.PublicKey(keyARN("none")); live.ReasonOf(err) != live.TokenInvalid {
				t.Fatalf("got %v", err)
			}
		}
		if n := r.set(nil); n != 2 {
			t.Errorf("asked %d times for two keys", n)
		}
		time.Sleep(keyFresh) // virtual
		_, _ = k.PublicKey(keyARN("mine"))
		if n := r.set(nil); n != 3 {
			t.Errorf("asked %d times, expected once more", n)
		}
	})
}

func TestKeys_AreForgottenOnWordOfTheirDeletion(t *testing.T) {
	withKeys(t, func(t *testing.T, b *inproc.Bus, r *registrar, k *keys) {
		if _, err := k.PublicKey(keyARN("mine")); err != nil {
			t.Fatal(err)
		}
		r.set(func() { delete(r.keys, keyARN("mine")) })
		forget(t, b, keyARN("mine"))
		if _, err := k.PublicKey(keyARN("mine")); live.ReasonOf(err) != live.TokenInvalid {
			t.Errorf("got %v", err)
		}
	})
}

// An answer that was given before a deletion and comes after it must not bring the key back.
func TestKeys_DoNotComeBackByALateAnswer(t *testing.T) {
	withKeys(t, func(t *testing.T, b *inproc.Bus, r *registrar, k *keys) {
		hold := make(chan struct{})
		r.set(func() { r.answer = hold })
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = k.PublicKey(keyARN("mine"))
		}()
		synctest.Wait()
		r.set(func() { delete(r.keys, keyARN("mine")) })
		forget(t, b, keyARN("mine"))
		close(hold)
		<-done
		if _, err := k.PublicKey(keyARN("mine")); live.ReasonOf(err) != live.TokenInvalid {
			t.Errorf("got %v", err)
		}
	})
}

func TestKeys_ServeForAWhileWithoutTheControlPlane(t *testing.T) {
	withKeys(t, func(t *testing.T, _ *inproc.Bus, r *registrar, k *keys) {
		_, _ = k.PublicKey(keyARN("mine"))
		r.set(func() { r.down = true })
		time.Sleep(keyFresh) // virtual
		if _, err := k.PublicKey(keyARN("mine")); err != nil {
			t.Errorf("a key that is known: %v", err)
		}
		if _, err := k.PublicKey(keyARN("other")); live.KindOf(err) != live.Unavailable {
			t.Errorf("one that is not: %v", err)
		}
		time.Sleep(keyStale)
		if _, err := k.PublicKey(keyARN("mine")); live.KindOf(err) != live.Unavailable {
			t.Errorf("for ever: %v", err)
		}
	})
}

// Security row 8: tokens that name made-up keys fill no memory.
func TestKeys_Row8_RememberNoMoreThanTheyMay(t *testing.T) {
	withKeys(t, func(t *testing.T, _ *inproc.Bus, _ *registrar, k *keys) {
		for i := range maxKeys + 100 {
			_, _ = k.PublicKey(keyARN(fmt.Sprint("n", i)))
		}
		if n := len(k.known); n > maxKeys {
			t.Errorf("%d are remembered", n)
		}
	})
}

// own signs a token as a customer does.
func own(t *testing.T, key *ecdsa.PrivateKey, stage live.StageID, id live.ParticipantID) string {
	t.Helper()
	return ownSaying(t, key, stage, id, `"capabilities":{"allow_publish":true,"allow_subscribe":true}`)
}

// ownSaying signs a token with more claims.
func ownSaying(t *testing.T, key *ecdsa.PrivateKey, stage live.StageID, id live.ParticipantID, more string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	now := time.Now().Unix()
	text := encode([]byte(`{"alg":"ES384","typ":"JWT","kid":"`+keyARN("mine").String()+`"}`)) + "." +
		encode(fmt.Appendf(nil, `{"exp":%d,"iat":%d,"jti":%q,"resource":%q,"topic":%q,"events_url":"ws://x/events",`+
			`"whip_url":"http://x/whip","version":"1.0",%s}`,
			now+3600, now, id, arnOf(stage), stage, more))
	digest := sha512.Sum384([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 96)
	r.FillBytes(signature[:48])
	s.FillBytes(signature[48:])
	return text + "." + encode(signature)
}

// Security row 11: a deleted key lets nobody in any more; who is there stays.
func TestJoin_Row11_FollowsTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		r := &registrar{keys: map[live.ARN]string{keyARN("mine"): material(t, &tokenKey().PublicKey)}}
		r.serve(t, h.bus)
		join := func(id live.ParticipantID) error {
			_, err := h.host.Join(t.Context(), JoinRequest{
				Token: own(t, tokenKey(), stageOne, id), Topic: stageOne, Socket: newFakeSocket(),
			})
			return err
		}
		if err := join("alice_1-x"); err != nil {
			t.Fatal(err)
		}
		r.set(func() { clear(r.keys) })
		forget(t, h.bus, keyARN("mine"))
		if err := join("bob"); live.ReasonOf(err) != live.TokenInvalid {
			t.Errorf("bob got %v", err)
		}
		synctest.Wait()
		if n := h.host.Stats().Participants; n != 1 {
			t.Errorf("%d are there, expected alice", n)
		}
	})
}

func TestHost_AnswersWhoIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		h.join(stageOne, "alice")
		ask := func(id live.ParticipantID) live.ParticipantAnswer {
			a, err := bus.Ask[live.ParticipantAnswer](t.Context(), h.bus, bus.AskParticipant(stageOne),
				live.AskParticipant{Stage: stageOne, Participant: id})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		if a := ask("alice"); a.Session == "" || a.Publishing {
			t.Errorf("alice is %+v", a)
		}
		if a := ask("bob"); a.Session != "" || a.Publishing {
			t.Errorf("bob is %+v", a)
		}
		_, err := h.host.PublishLocal(t.Context(), stageOne, LocalParticipant{ID: "carol", Protocol: "RTMP"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a := ask("carol"); !a.Publishing {
			t.Errorf("carol is %+v", a)
		}
	})
}
