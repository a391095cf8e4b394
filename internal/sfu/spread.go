package sfu

import (
	"sync/atomic"

	"github.com/proscenium-live/proscenium/internal/media"
)

// share is one worker's part of an up-track's viewers. All but the first fields belong to the worker's goroutine.
type share struct {
	up      *UpTrack
	worker  *worker
	place   place[share]
	viewers atomic.Int32 // len(downs) + len(coming), for who wakes the worker

	downs    []*DownTrack
	coming   []*DownTrack // that see another layer until this one has a key frame for them
	position uint64       // in the ring: where the worker goes on
	waiting  int          // down-tracks that wait for a key frame
	reports  uint32       // sender reports passed on
}

// add has a down-track take part in what arrives from now on.
func (s *share) add(d *DownTrack) {
	d.index = len(s.downs)
	s.downs = append(s.downs, d)
	s.joined()
}

// joined counts one more that takes part.
func (s *share) joined() {
	n := len(s.downs) + len(s.coming)
	// Told before the position is read: what arrives in between then wakes us.
	s.viewers.Store(int32(n))
	if n == 1 {
		s.position = s.up.ring.Tail()
		s.reports = s.up.reports.Load()
	}
}

func (s *share) remove(d *DownTrack) {
	last := len(s.downs) - 1
	s.downs[d.index] = s.downs[last]
	s.downs[d.index].index = d.index
	s.downs[last] = nil
	s.downs = s.downs[:last]
	s.viewers.Store(int32(last + len(s.coming)))
}

// expect has a down-track come over as soon as there is a key frame for it.
func (s *share) expect(d *DownTrack) {
	d.targetIndex = len(s.coming)
	s.coming = append(s.coming, d)
	s.joined()
}

func (s *share) unexpect(d *DownTrack) {
	last := len(s.coming) - 1
	s.coming[d.targetIndex] = s.coming[last]
	s.coming[d.targetIndex].targetIndex = d.targetIndex
	s.coming[last] = nil
	s.coming = s.coming[:last]
	s.viewers.Store(int32(len(s.downs) + last))
}

// spread walks what is new times the viewers.
func (s *share) spread(now media.Time) {
	for i := len(s.coming) - 1; i >= 0; i-- { // backwards: one that comes over leaves the list
		s.coming[i].tryMove(now)
	}
	if len(s.downs) == 0 {
		s.position = s.up.ring.Tail() // for those that are still coming
		return
	}
	for s.spreadBunch(now) {
	}
	if s.waiting > 0 {
		for _, d := range s.downs {
			if d.state == waiting {
				d.tryStart(now)
			}
		}
	}
	if n := s.up.reports.Load(); n != s.reports {
		s.reports = n
		r := s.up.lastReport()
		for _, d := range s.downs {
			d.report(r)
		}
	}
}

// spreadBunch forwards the next packets and says whether there may be more.
func (s *share) spreadBunch(now media.Time) bool {
	w := s.worker
	n, kept := s.up.ring.Since(s.position, w.seqs[:])
	if !kept {
		s.losePlace(now)
		return true
	}
	s.position += uint64(n)
	held := w.held[:0]
	for _, seq := range w.seqs[:n] {
		if p := s.up.ring.At(seq); p != nil {
			held = append(held, p)
			if w.oldest < 0 || p.Arrival < w.oldest {
				w.oldest = p.Arrival
			}
		}
	}
	for _, d := range s.downs {
		d.forward(held, now)
	}
	for _, p := range held {
		p.Release()
	}
	return n == bunch
}

// losePlace goes on at the present: the ring has gone round before we came to it.
func (s *share) losePlace(now media.Time) {
	s.position = s.up.ring.Tail()
	for _, d := range s.downs {
		d.losePlace(d.numbers.Top(), now)
	}
}
