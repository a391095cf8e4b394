package rtc

import (
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/live"
)

func TestDoorbell_AnswersChecksAndNothingElse(t *testing.T) {
	tr := serve(t, Options{})
	bell, err := tr.HangDoorbell(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := newLean(t)
	c.join(tr, nil, "recvonly") // for its sockets
	ring := func(password string) []byte {
		m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(bell.Username),
			raw{stun.AttrPriority, c.priority}, raw{stun.AttrUseCandidate, nil}, stun.NewShortTermIntegrity(password), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	c.send(ring("wrong"))
	c.wantSilence("a wrong password")
	request := ring(bell.Password)
	c.send(request)
	answer, ok := c.read(patience)
	if !ok || !stun.IsMessage(answer) || len(answer) > len(request) {
		t.Fatalf("answered with %d bytes to %d", len(answer), len(request))
	}
	c.send([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3}) // a handshake begins
	eventually(t, "it is dropped", func() bool { return tr.counters.NoPeer.Load() == 1 })
	c.check(true) // who has a session is not disturbed
}

func TestDoorbell_FewHangAtOnceAndNotForLong(t *testing.T) {
	tr := serve(t, Options{})
	for range maxDoorbells {
		if _, err := tr.HangDoorbell(time.Millisecond); err != nil && live.KindOf(err) != live.Exhausted {
			t.Fatal(err)
		}
	}
	eventually(t, "all are taken down", func() bool { return tr.doorbells.Load() == 0 })
	for i := range tr.byUfrag.shards {
		if len(tr.byUfrag.shards[i].load()) != 0 {
			t.Fatal("one hangs still")
		}
	}
	for range maxDoorbells {
		if _, err := tr.HangDoorbell(time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tr.HangDoorbell(time.Hour); live.KindOf(err) != live.Exhausted {
		t.Errorf("one too many gives %v", err)
	}
}
