package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

// childPath and childURL make the test binary a server that writes into the database until it is killed.
const (
	childPath = "PROSCENIUM_STORE_TEST_CHILD"
	childURL  = "PROSCENIUM_STORE_TEST_CHILD_URL"
)

// writeUntilKilled makes stages, tags and channels with their keys from several goroutines, as API calls do, and
// says which on standard output once the store has taken them.
func writeUntilKilled(o store.Options) {
	s, err := store.Open(context.Background(), o)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var out sync.Mutex
	say := func(what ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(what...)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				stage := newStage(start)
				err := s.Write(context.Background(), func(tx *store.Tx) error {
					return tx.InsertStage(context.Background(), stage)
				})
				if err != nil {
					say("error", err)
					return
				}
				say("stage", stage.ID)
				err = s.Write(context.Background(), func(tx *store.Tx) error {
					got, err := tx.LockStage(context.Background(), stage.ARN)
					if err != nil {
						return err
					}
					got.Tags["of"] = string(stage.ID)
					return tx.UpdateStage(context.Background(), got)
				})
				if err != nil {
					say("error", err)
					return
				}
				say("tag", stage.ID)
				channel, key := newPair()
				err = s.Write(context.Background(), func(tx *store.Tx) error {
					return errors.Join(tx.InsertRecord(context.Background(), &channel), tx.InsertRecord(context.Background(), &key))
				})
				if err != nil {
					say("error", err)
					return
				}
				say("channel", channel.ARN.ID)
			}
		})
	}
	all.Wait()
	os.Exit(1)
}

// newPair makes a channel and its key, which are made together or not at all.
func newPair() (live.Channel, live.StreamKey) {
	channel := live.Channel{Resource: resource(live.TypeChannel, start)}
	key := live.StreamKey{Resource: resource(live.TypeStreamKey, start), Channel: channel.ARN, Value: "sk"}
	return channel, key
}

// acknowledged is what the child was told had been taken, by kind.
type acknowledged map[string]map[string]bool

func TestKill9_LosesNothingAcknowledgedAndHalvesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		taken := acknowledged{"stage": {}, "tag": {}, "channel": {}}
		for round := range 8 {
			killAfter(t, o, 1+rand.IntN(150), taken)
			checkKept(t, o, taken)
			if t.Failed() {
				t.Fatalf("in round %d", round)
			}
		}
		t.Logf("%d stages, %d tags and %d channels were acknowledged, and are there",
			len(taken["stage"]), len(taken["tag"]), len(taken["channel"]))
	})
}

// killAfter runs the child, kills it after some acknowledgements, and adds all that it had written out.
func killAfter(t *testing.T, o store.Options, lines int, taken acknowledged) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childPath+"="+o.Path, childURL+"="+o.URL)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(out)
	for i := 0; ; i++ {
		line, err := read.ReadString('\n')
		if err != nil {
			break // what has no end of line was not acknowledged
		}
		what, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		if taken[what] == nil {
			t.Errorf("the child says: %s", line)
			break
		}
		taken[what][id] = true
		if i == lines {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Process.Kill()
	_ = child.Wait() // killed
}

func checkKept(t *testing.T, o store.Options, taken acknowledged) {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	ctx := t.Context()
	read(t, s, func(tx *store.Tx) error {
		for id := range taken["stage"] {
			stage, err := tx.Stage(ctx, home.ARN(live.TypeStage, id))
			if err != nil {
				t.Errorf("stage %s: %v", id, err)
				continue
			}
			if taken["tag"][id] && stage.Tags["of"] != id {
				t.Errorf("the tag of stage %s is %q", id, stage.Tags["of"])
			}
		}
		channels := map[string]bool{}
		for _, c := range all[live.Channel](t, tx, live.TypeChannel) {
			channels[c.ARN.ID] = true
		}
		for id := range taken["channel"] {
			if !channels[id] {
				t.Errorf("channel %s is lost", id)
			}
		}
		keys := all[live.StreamKey](t, tx, live.TypeStreamKey)
		for _, k := range keys {
			if !channels[k.Channel.ID] || k.Value != "sk" {
				t.Errorf("key %s is half of a pair, or half written: %+v", k.ARN.ID, k)
			}
		}
		if len(keys) != len(channels) {
			t.Errorf("%d channels have %d keys", len(channels), len(keys))
		}
		return nil
	})
}

func all[T any, P interface {
	*T
	store.Record
}](t *testing.T, tx *store.Tx, kind live.ResourceType) []T {
	t.Helper()
	list, err := store.ListRecords[T, P](t.Context(), tx, store.Query{Home: home, Type: kind}, store.Cursor{}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
