//nolint:thelper // what each runs are tests themselves: a failure should point into them
package store_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

func resource(kind live.ResourceType, at time.Time) live.Resource {
	return live.Resource{
		ARN: home.ARN(kind, live.NewResourceID()), Name: "n", Tags: live.Tags{"k": "日本"}, CreatedAt: at,
	}
}

// roundTrip puts a record in and checks that it comes out as it went, also after an update.
func roundTrip[T any, P interface {
	*T
	store.Record
}](t *testing.T, s *store.Store, want T, change func(P)) {
	t.Helper()
	ctx := t.Context()
	check := func() {
		t.Helper()
		read(t, s, func(tx *store.Tx) error {
			got, err := store.FindRecord[T, P](ctx, tx, P(&want).Common().ARN)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v, %v, expected\n%+v", got, err, want)
			}
			return nil
		})
	}
	write(t, s, func(tx *store.Tx) error { return tx.InsertRecord(ctx, P(&want)) })
	check()
	change(P(&want))
	write(t, s, func(tx *store.Tx) error { return tx.UpdateRecord(ctx, P(&want)) })
	check()
}

func TestRecords_ComeBackAsTheyWent(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		stage := home.ARN(live.TypeStage, "abcdefghijkl")
		encoder, storage := home.ARN(live.TypeEncoderConfiguration, "e"), home.ARN(live.TypeStorageConfiguration, "s")
		roundTrip(t, s, live.PublicKey{Resource: resource(live.TypePublicKey, start), Material: "-----\r\n", Fingerprint: "aa:bb"},
			func(k *live.PublicKey) { k.Name = "other" })
		roundTrip(t, s, live.Encoder{Resource: resource(live.TypeEncoderConfiguration, start), Video: live.DefaultVideo()},
			func(e *live.Encoder) { e.Video.Framerate = 29.97 })
		roundTrip(t, s, live.Storage{Resource: resource(live.TypeStorageConfiguration, start), Bucket: "b"},
			func(s *live.Storage) { s.Tags = live.Tags{} })
		roundTrip(t, s, live.Ingest{
			Resource: resource(live.TypeIngestConfiguration, start), Protocol: live.IngestRTMPS, Stage: stage,
			Participant: "p", StreamKey: "rt_1", UserID: "zoë\x00", Attributes: map[string]string{"a": "b"}, Redundant: true,
			Credentials: []live.IngestCredential{{Participant: "q", StreamKey: "rt_2"}, {Participant: "r", StreamKey: "rt_3"}},
			State:       live.IngestInactive,
		}, func(i *live.Ingest) {
			i.Stage, i.Credentials, i.State = live.ARN{}, nil, live.IngestActive
		})
		grid, pip := live.DefaultGrid(), live.DefaultPiP()
		roundTrip(t, s, live.Composition{
			Resource: resource(live.TypeComposition, start), Stage: stage, State: live.CompositionStarting,
			Layout: live.Layout{Grid: &grid}, StartedAt: start,
			Destinations: []live.Destination{
				{ID: "d1", Name: "c", State: live.CompositionStarting, Channel: &live.ChannelOutput{
					Channel: home.ARN(live.TypeChannel, "c"), Encoder: encoder,
				}},
				{ID: "d2", State: live.CompositionStarting, RecordingPrefix: "a/b", S3: &live.S3Output{
					Storage: storage, Encoders: []live.ARN{encoder}, Format: "HLS", SegmentTarget: 2 * time.Second,
					Thumbnails: []live.Thumbnails{{Every: time.Minute, Store: []string{"LATEST"}}},
				}},
			},
		}, func(c *live.Composition) {
			c.State, c.Reason, c.EndedAt, c.GoneAt = live.CompositionFailed, "why", start, start.Add(time.Minute)
			c.Layout = live.Layout{PiP: &pip}
		})
		channel := live.DefaultChannel()
		channel.Resource = resource(live.TypeChannel, start)
		channel.Recording = "arn:r"
		roundTrip(t, s, channel, func(c *live.Channel) { c.Authorized, c.Recording = true, "" })
		roundTrip(t, s, live.StreamKey{
			Resource: resource(live.TypeStreamKey, start), Channel: channel.ARN, Value: "sk_1",
		}, func(k *live.StreamKey) { k.Value = "sk_2" })
	})
}

// Security row 47: a record is found only by its whole ARN.
func TestRecords_Row47_AreFoundInTheirHomeOnly(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		mine := live.Encoder{Resource: resource(live.TypeEncoderConfiguration, start)}
		write(t, s, func(tx *store.Tx) error { return tx.InsertRecord(ctx, &mine) })
		account, region, kind := mine.ARN, mine.ARN, mine.ARN
		account.Account, region.Region, kind.Type = "000000000001", "eu-west-1", live.TypeStorageConfiguration
		for _, arn := range []live.ARN{account, region, kind} {
			write(t, s, func(tx *store.Tx) error {
				_, find := store.FindRecord[live.Encoder](ctx, tx, arn)
				_, tags := tx.RecordTags(ctx, arn, start)
				for what, err := range map[string]error{
					"find": find, "tags": tags, "lock": tx.LockRecord(ctx, arn), "delete": tx.DeleteRecord(ctx, arn),
				} {
					if !errors.Is(err, store.ErrNotFound) {
						t.Errorf("%s %s gave %v", what, arn, err)
					}
				}
				q := store.Query{Home: live.Home{Region: arn.Region, Account: arn.Account}, Type: arn.Type}
				if n, err := tx.CountRecords(ctx, q); err != nil || n != 0 {
					t.Errorf("counted %d of %s, %v", n, arn, err)
				}
				return nil
			})
		}
	})
}

func TestQuery_KeepsWhatMatchesAllOfIt(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		stages := []live.ARN{home.ARN(live.TypeStage, "a"), home.ARN(live.TypeStage, "b")}
		states := []live.CompositionState{live.CompositionActive, live.CompositionStopped}
		write(t, s, func(tx *store.Tx) error {
			for i := range 8 {
				c := live.Composition{
					Resource: resource(live.TypeComposition, start.Add(time.Duration(i))),
					Stage:    stages[i%2], State: states[i/2%2],
				}
				c.Name = string(rune('a' + i))
				if i >= 4 {
					c.GoneAt = start.Add(time.Hour)
				}
				if err := tx.InsertRecord(ctx, &c); err != nil {
					return err
				}
			}
			return nil
		})
		inA := []live.Reference{{Role: live.RefersStage, Target: stages[0].String()}}
		for _, c := range []struct {
			name string
			q    store.Query
			want int
		}{
			{"all", store.Query{}, 8},
			{"name", store.Query{Name: "c"}, 1},
			{"stage", store.Query{Refers: inA}, 4},
			{"state", store.Query{States: []string{"ACTIVE"}}, 4},
			{"states", store.Query{States: []string{"ACTIVE", "STOPPED"}}, 8},
			{"stage and state", store.Query{Refers: inA, States: []string{"ACTIVE"}}, 2},
			{"not yet gone", store.Query{Now: start.Add(time.Hour - 1000)}, 8},
			{"gone", store.Query{Now: start.Add(time.Hour)}, 4},
			{"another role", store.Query{Refers: []live.Reference{{Role: live.RefersChannel, Target: stages[0].String()}}}, 0},
			{"none", store.Query{Refers: append(inA, live.Reference{Role: live.RefersStage, Target: stages[1].String()})}, 0},
		} {
			c.q.Home, c.q.Type = home, live.TypeComposition
			read(t, s, func(tx *store.Tx) error {
				n, err := tx.CountRecords(ctx, c.q)
				if err != nil || n != c.want {
					t.Errorf("%s: counted %d, %v, expected %d", c.name, n, err, c.want)
				}
				list, err := store.ListRecords[live.Composition](ctx, tx, c.q, store.Cursor{}, 100)
				if err != nil || len(list) != c.want {
					t.Errorf("%s: listed %d, %v, expected %d", c.name, len(list), err, c.want)
				}
				return nil
			})
		}
		write(t, s, func(tx *store.Tx) error {
			n, err := tx.PruneRecords(ctx, start.Add(time.Hour))
			if n != 4 {
				t.Errorf("pruned %d", n)
			}
			return err
		})
	})
}

func TestIdempotency_OutlivesItsAgeWithItsResource(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		kept := live.Encoder{Resource: resource(live.TypeEncoderConfiguration, start)}
		gone := home.ARN(live.TypeComposition, "gone")
		write(t, s, func(tx *store.Tx) error {
			if err := tx.InsertRecord(ctx, &kept); err != nil {
				return err
			}
			for token, arn := range map[string]live.ARN{"kept": kept.ARN, "gone": gone} {
				err := tx.InsertIdempotent(ctx, store.Idempotent{
					Home: home, Operation: "o", Token: token, Request: "r", Resource: arn, MadeAt: start,
				})
				if err != nil {
					return err
				}
			}
			n, err := tx.PruneIdempotent(ctx, start.Add(-time.Second))
			if n != 0 {
				t.Errorf("%d young tokens were pruned", n)
			}
			return err
		})
		write(t, s, func(tx *store.Tx) error {
			n, err := tx.PruneIdempotent(ctx, start)
			if n != 1 {
				t.Errorf("pruned %d, expected the one whose resource is gone", n)
			}
			return err
		})
		read(t, s, func(tx *store.Tx) error {
			got, err := tx.Idempotent(ctx, home, "o", "kept")
			if err != nil || got.Resource != kept.ARN || got.Request != "r" || !got.MadeAt.Equal(start) {
				t.Errorf("got %+v, %v", got, err)
			}
			if _, err := tx.Idempotent(ctx, home, "o", "gone"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v", err)
			}
			if _, err := tx.Idempotent(ctx, live.Home{Region: "x", Account: home.Account}, "o", "kept"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("of another region: %v", err)
			}
			return nil
		})
	})
}
