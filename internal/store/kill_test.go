package store_test

import (
	"bufio"
	"context"
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

// childPath makes the test binary a server that writes into the database of this path until it is killed.
const childPath = "PROSCENIUM_STORE_TEST_CHILD"

// writeUntilKilled makes stages and tags from several goroutines, as API calls do, and says which on standard
// output once the store has taken them.
func writeUntilKilled(path string) {
	s, err := store.Open(context.Background(), store.Options{Path: path})
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
			}
		})
	}
	all.Wait()
	os.Exit(1)
}

func TestKill9_LosesNothingAcknowledged(t *testing.T) {
	o := storetest.SQLite(t)
	stages, tags := map[live.StageID]bool{}, map[live.StageID]bool{}
	for round := range 8 {
		killAfter(t, o.Path, 1+rand.IntN(150), func(what string, id live.StageID) {
			stages[id] = true
			if what == "tag" {
				tags[id] = true
			}
		})
		checkKept(t, o, stages, tags)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("%d stages and %d tags were acknowledged, and are there", len(stages), len(tags))
}

// killAfter runs the child, kills it after some acknowledgements, and reports all that it had written out.
func killAfter(t *testing.T, path string, lines int, acknowledged func(string, live.StageID)) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childPath+"="+path)
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
		if what != "stage" && what != "tag" {
			t.Errorf("the child says: %s", line)
			break
		}
		acknowledged(what, live.StageID(id))
		if i == lines {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Process.Kill()
	_ = child.Wait() // killed
}

func checkKept(t *testing.T, o store.Options, stages, tags map[live.StageID]bool) {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	read(t, s, func(tx *store.Tx) error {
		for id := range stages {
			stage, err := tx.Stage(t.Context(), home.ARN(live.TypeStage, string(id)))
			if err != nil {
				t.Errorf("stage %s: %v", id, err)
				continue
			}
			if tags[id] && stage.Tags["of"] != string(id) {
				t.Errorf("the tag of stage %s is %q", id, stage.Tags["of"])
			}
		}
		return nil
	})
}
