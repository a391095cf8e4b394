package roster

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// deadline is when something is due next for a participant, for a replication that waits for its participant, or, with
// none of them named, for the session. Each has one.
type deadline struct {
	at   time.Time
	who  *participant
	wait *replication
	pos  int // its place in the heap, -1 while it has none
}

// deadlines is a heap of them, the next first.
type deadlines []*deadline

// Len, Less, Swap, Push and Pop are for container/heap.
func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(*deadline)) }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].pos, d[j].pos = i, j
}

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return x
}

// set moves a deadline to at; the zero time takes it out.
func (d *deadlines) set(x *deadline, at time.Time) {
	if x.pos >= 0 {
		heap.Remove(d, x.pos)
		x.pos = -1
	}
	if x.at = at; !at.IsZero() {
		x.pos = len(*d)
		heap.Push(d, x)
	}
}

func (d deadlines) next() (time.Time, bool) {
	if len(d) == 0 {
		return time.Time{}, false
	}
	return d[0].at, true
}

// due takes the next deadline out if it has come.
func (d *deadlines) due(now time.Time) (*deadline, bool) {
	if len(*d) == 0 || now.Before((*d)[0].at) {
		return nil, false
	}
	x := (*d)[0]
	d.set(x, time.Time{})
	return x, true
}

// schedule puts the participant's deadline where it belongs.
func (r *Roster) schedule(p *participant) {
	var at time.Time
	if r.o.MaxDuration > 0 {
		at = p.joinedAt.Add(r.o.MaxDuration)
	}
	if !p.lostAt.IsZero() {
		if back := p.lostAt.Add(r.o.ReconnectWindow); at.IsZero() || back.Before(at) {
			at = back
		}
	}
	if p.gone || p.replica != nil { // how long a replica may stay is its source's matter
		at = time.Time{}
	}
	r.deadlines.set(&p.deadline, at)
}

// sorted returns the participants by id, so that what is done to all of them has one order.
func sorted(all map[live.ParticipantID]*participant) []*participant {
	list := make([]*participant, 0, len(all))
	for _, p := range all {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *participant) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
