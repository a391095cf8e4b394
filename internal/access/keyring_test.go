package access_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const readAll = `{"Statement":{"Effect":"Allow","Action":"ivs:Get*","Resource":"*"}}`

func master(t *testing.T) access.MasterKey {
	t.Helper()
	m, err := access.ParseMasterKey(access.GenerateMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func root() sigv4.OneKey { return sigv4.OneKey{AccessKeyID: "root", SecretKey: "secret"} }

// buffer collects a log.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func TestKeyring_HeedsWhatAnotherProcessAddsAndRevokes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		m, log := master(t), &buffer{}
		book := access.Book{Store: storetest.Open(t, o), Master: m} // a connection of its own, as another process has
		before, err := book.Add(t.Context(), access.Add{Name: "before", Policies: []string{readAll}})
		if err != nil {
			t.Fatal(err)
		}
		k, err := access.Open(t.Context(), access.Options{
			Store: storetest.Open(t, o), Master: m, Root: root(), Account: "000000000000", Log: slog.New(slog.NewTextHandler(log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()

		if key, ok := k.Key(before.ID); !ok || key.Secret != string(before.Secret) || key.Token != "" {
			t.Errorf("the key that was there is %v, %v", key, ok)
		}
		after, err := book.Add(t.Context(), access.Add{Name: "after", Policies: []string{readAll}, Lives: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		key := eventually(t, k, after.ID, true)
		if key.Secret != string(after.Secret) || key.Token != string(after.Token) || !key.ExpiresAt.Equal(after.ExpiresAt) || key.Token == "" {
			t.Error("the temporary key is not what was added")
		}
		if got := k.User(after.ID); got != "arn:aws:sts::000000000000:federated-user/after" {
			t.Error(got)
		}
		if got := k.User(before.ID); got != "arn:aws:iam::000000000000:user/before" {
			t.Error(got)
		}
		if err := book.Revoke(t.Context(), before.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, k, before.ID, false)
		if d, err := k.Decide(before.ID, get(stage)); err != nil || d.Allowed {
			t.Errorf("revoked: %+v, %v", d, err)
		}
		if d, err := k.Decide(after.ID, get(stage)); err != nil || !d.Allowed {
			t.Errorf("%+v, %v", d, err)
		}
		if d, err := k.Decide("root", access.Request{Action: "ivs:Anything"}); err != nil || !d.Allowed || !k.MayAll("root") || k.MayAll(after.ID) {
			t.Errorf("root: %+v, %v", d, err)
		}
		if err := book.Revoke(t.Context(), before.ID); err == nil || !strings.Contains(err.Error(), "no access key") {
			t.Errorf("revoked twice: %v", err)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, secret := range []string{string(before.Secret), string(after.Secret), string(after.Token)} {
			if strings.Contains(log.b.String(), secret) {
				t.Error("a secret is in the log")
			}
		}
	})
}

// eventually waits until the keyring knows a key, or no longer does, for at most what the documentation promises.
func eventually(t *testing.T, k *access.Keyring, id string, want bool) sigv4.Key {
	t.Helper()
	deadline := time.After(time.Minute) // two are promised; a busy machine may take its time
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if key, ok := k.Key(id); ok == want {
			return key
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("key %s: known is still %v", id, !want)
		}
	}
}

func TestBook_KeepsSecretsEncrypted(t *testing.T) {
	o := storetest.SQLite(t)
	db := storetest.Open(t, o)
	book := access.Book{Store: db, Master: master(t)}
	k, err := book.Add(t.Context(), access.Add{Name: "ci", Policies: []string{readAll}, Lives: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{o.Path, o.Path + "-wal"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(k.Secret)) || bytes.Contains(data, []byte(k.Token)) {
			t.Errorf("%s holds a secret in the clear", name)
		}
	}
	list, err := book.List(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != k.ID || list[0].Name != "ci" || list[0].Policies[0] != readAll || !list[0].ExpiresAt.Equal(k.ExpiresAt) {
		t.Errorf("%+v, %v", list, err)
	}

	another := access.Book{Store: db, Master: master(t)}
	if _, err := another.Add(t.Context(), access.Add{Name: "x", Policies: []string{readAll}}); err == nil || !strings.Contains(err.Error(), "another master key") {
		t.Errorf("with another master key: %v", err)
	}
	ring, err := access.Open(t.Context(), access.Options{Store: db, Master: master(t), Root: root(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := ring.Key(k.ID); ok {
		t.Error("a key that can't be decrypted is in force")
	}
}

func TestBook_BindsASecretToItsKey(t *testing.T) {
	db, m := storetest.Open(t, storetest.SQLite(t)), master(t)
	book := access.Book{Store: db, Master: m}
	for _, name := range []string{"a", "b"} {
		if _, err := book.Add(t.Context(), access.Add{Name: name, Policies: []string{readAll}}); err != nil {
			t.Fatal(err)
		}
	}
	// Whoever writes to the database gives the second key the secret of the first.
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		keys, _, err := tx.AccessKeys(t.Context())
		if err != nil {
			return err
		}
		if err := tx.DeleteAccessKey(t.Context(), keys[1].ID); err != nil {
			return err
		}
		keys[1].Secret = keys[0].Secret
		return tx.PutAccessKey(t.Context(), keys[1])
	})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := access.Open(t.Context(), access.Options{Store: db, Master: m, Root: root(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	list, err := book.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, first := ring.Key(list[0].ID)
	_, second := ring.Key(list[1].ID)
	if !first || second {
		t.Errorf("in force are: the first %v, the second %v", first, second)
	}
}

func TestBook_RefusesBadKeys(t *testing.T) {
	book := access.Book{Store: storetest.Open(t, storetest.SQLite(t)), Master: master(t)}
	for want, add := range map[string]access.Add{
		"name":         {Name: "a b", Policies: []string{readAll}},
		"1 to 64":      {Name: strings.Repeat("a", 65), Policies: []string{readAll}},
		"at least one": {Name: "a"},
		"limit is 10":  {Name: "a", Policies: make([]string, 11)},
		"policy 2":     {Name: "a", Policies: []string{readAll, "{}"}},
		"36h":          {Name: "a", Policies: []string{readAll}, Lives: 37 * time.Hour},
	} {
		if _, err := book.Add(t.Context(), add); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", add, err)
		}
	}
}

func TestMasterKey_IsRefusedWithoutBeingRepeated(t *testing.T) {
	for _, text := range []string{"", "c2hvcnQ=", "not base64 at all !!!"} {
		if _, err := access.ParseMasterKey(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// With the database gone the keys that were known stay in force.
func TestKeyring_OutlivesItsDatabase(t *testing.T) {
	o := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		m := master(t)
		k, err := access.Book{Store: db, Master: m}.Add(t.Context(), access.Add{Name: "a", Policies: []string{readAll}})
		if err != nil {
			t.Fatal(err)
		}
		log := &buffer{}
		ring, err := access.Open(t.Context(), access.Options{Store: db, Master: m, Root: root(), Log: slog.New(slog.NewTextHandler(log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		if err := ring.Run(ctx); err != nil {
			t.Error(err)
		}
		if _, ok := ring.Key(k.ID); !ok || !strings.Contains(log.b.String(), "access keys not read") {
			t.Errorf("known: %v; the log: %s", ok, log.b.String())
		}
	})
}
