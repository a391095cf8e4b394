package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// record is a pointer to T, a resource that is no stage.
type record[T any] interface {
	*T
	store.Record
}

// missing gives a look-up of arn that found nothing its message. Other errors pass.
func missing(err error, arn live.ARN) error {
	if errors.Is(err, store.ErrNotFound) {
		return live.Errorf(live.NotFound, "there is no %s %s", noun(arn.Type), arn)
	}
	return err
}

// as makes a NotFound another kind: operations differ in what they call an absent thing that they were told of.
// Other errors pass.
func as(kind live.Kind, err error) error {
	if err != nil && live.KindOf(err) == live.NotFound {
		return live.Errorf(kind, "%v", err)
	}
	return err
}

// noun is how a type is called in a sentence.
func noun(t live.ResourceType) string { return strings.ReplaceAll(string(t), "-", " ") }

// newResource checks what all resources have and names a new one.
func (c *core) newResource(kind live.ResourceType, name string, tags live.Tags) (live.Resource, error) {
	if err := checkName(name); err != nil {
		return live.Resource{}, err
	}
	if err := checkTags(tags); err != nil {
		return live.Resource{}, err
	}
	if err := c.checkTagCount(len(tags)); err != nil {
		return live.Resource{}, err
	}
	own := live.Tags{}
	maps.Copy(own, tags)
	return live.Resource{
		ARN: c.home.ARN(kind, live.NewResourceID()), Name: name, Tags: own, CreatedAt: c.moment(),
	}, nil
}

// moment is now, as exact as the records are.
func (c *core) moment() time.Time { return c.now().UTC().Truncate(time.Microsecond) }

// limit is how many there may be of something; 0 is no limit.
type limit struct {
	n       int
	what    string
	setting string
}

// room returns Exhausted if there are as many as there may be.
func (l limit) room(ctx context.Context, tx *store.Tx, q store.Query) error {
	if l.n <= 0 {
		return nil
	}
	n, err := tx.CountRecords(ctx, q)
	if err != nil {
		return err
	}
	if n >= l.n {
		return exhaustedSetting(l.what, l.n, l.setting)
	}
	return nil
}

// add inserts a resource if the limit allows one more of its type.
func (c *core) add(ctx context.Context, tx *store.Tx, r store.Record, most limit) error {
	kind := r.Common().ARN.Type
	if most.n > 0 {
		if err := c.lockAll(ctx, tx, kind); err != nil {
			return err
		}
		if err := most.room(ctx, tx, store.Query{Home: c.home, Type: kind, Now: c.now()}); err != nil {
			return err
		}
	}
	return tx.InsertRecord(ctx, r)
}

// lockAll makes everyone wait who counts resources of the type before adding one.
func (c *core) lockAll(ctx context.Context, tx *store.Tx, kind live.ResourceType) error {
	return tx.Lock(ctx, string(kind)+" of "+c.home.Account+" in "+c.home.Region)
}

// get returns the resource that arn names, which must be of the type.
func get[T any, P record[T]](ctx context.Context, c *core, arn live.ARN, kind live.ResourceType) (r T, err error) {
	if err := c.home.Check(arn, kind); err != nil {
		return r, err
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		r, err = find[T, P](ctx, c, tx, arn)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return r, nil
}

// find returns a resource that is still shown, or NotFound.
func find[T any, P record[T]](ctx context.Context, c *core, tx *store.Tx, arn live.ARN) (T, error) {
	r, err := store.FindRecord[T, P](ctx, tx, arn)
	if err == nil && c.gone(P(&r)) {
		err = store.ErrNotFound
	}
	return r, missing(err, arn)
}

// change locks a resource, has it changed and writes it.
func change[T any, P record[T]](ctx context.Context, c *core, tx *store.Tx, arn live.ARN, do func(P) error) (r T, err error) {
	if err := missing(tx.LockRecord(ctx, arn), arn); err != nil {
		return r, err
	}
	if r, err = find[T, P](ctx, c, tx, arn); err != nil {
		return r, err
	}
	if err := do(&r); err != nil {
		return r, err
	}
	return r, tx.UpdateRecord(ctx, P(&r))
}

func (c *core) gone(r store.Record) bool {
	at := r.Common().GoneAt
	return !at.IsZero() && !c.now().Before(at)
}

// remove deletes a resource unless it is in use, which used tells by returning an error.
func (c *core) remove(
	ctx context.Context, arn live.ARN, kind live.ResourceType, used func(*store.Tx) error,
) error {
	if err := c.home.Check(arn, kind); err != nil {
		return err
	}
	return c.store.Write(ctx, func(tx *store.Tx) error {
		// Who begins to use it takes the same lock.
		if err := missing(tx.LockRecord(ctx, arn), arn); err != nil {
			return err
		}
		if err := used(tx); err != nil {
			return err
		}
		return missing(tx.DeleteRecord(ctx, arn), arn)
	})
}

func unused(*store.Tx) error { return nil }

// use locks resources that a new one is to name, all or none there. The order keeps two callers from waiting
// for each other.
func (c *core) use(ctx context.Context, tx *store.Tx, arns ...live.ARN) error {
	slices.SortFunc(arns, func(a, b live.ARN) int { return strings.Compare(a.String(), b.String()) })
	for _, arn := range slices.Compact(arns) {
		if err := missing(tx.LockRecord(ctx, arn), arn); err != nil {
			return err
		}
	}
	return nil
}

// sizes are how many items a page of one list has.
type sizes struct{ usual, most int }

var (
	ofFifty   = sizes{usual: 50, most: 100}
	ofHundred = sizes{usual: 100, most: 100}
)

// list returns a page of the resources that match, newest first, and the token of the next page. However
// resources come and go between two pages, one that stays is on exactly one page.
func list[T any, P record[T]](ctx context.Context, c *core, q store.Query, p Page, s sizes) ([]T, string, error) {
	q.Home, q.Now = c.home, c.now()
	name := fmt.Sprintf("%s/%s/%s?%q%q%q", q.Type, q.Home.Account, q.Home.Region, q.Name, q.States, q.Refers)
	return paged(c, name, p, s,
		func(r *T) store.Cursor { return store.Cursor{At: P(r).Common().CreatedAt, ID: P(r).Common().ARN.ID} },
		func(after store.Cursor, n int) (items []T, err error) {
			err = c.store.Read(ctx, func(tx *store.Tx) error {
				items, err = store.ListRecords[T, P](ctx, tx, q, after, n)
				return err
			})
			return items, err
		})
}

// paged returns a page of a list and the token of the next one, "" if this is the last. The name says which
// list it is, filters and all: a token is good for that list only.
func paged[T any](c *core, name string, p Page, s sizes,
	place func(*T) store.Cursor, read func(after store.Cursor, n int) ([]T, error),
) (items []T, next string, err error) {
	size, err := p.sized(s)
	if err != nil {
		return nil, "", err
	}
	after, err := c.pages.place(name, p.Token)
	if err != nil {
		return nil, "", err
	}
	if items, err = read(after, size+1); err != nil {
		return nil, "", err
	}
	if len(items) > size {
		items = items[:size]
		next = c.pages.token(name, place(&items[size-1]))
	}
	return items, next, nil
}
