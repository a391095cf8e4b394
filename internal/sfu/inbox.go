package sfu

import (
	"sync"
	"time"

	"github.com/proscenium-live/proscenium/internal/media"
)

// maxNacks is how many packets a viewer may ask for between two turns of its worker; the rest of a longer list
// is not read. Chrome asks for a few, and gives up on a thousand.
const maxNacks = 128

// inbox is what others want of a down-track, kept until its worker comes.
type inbox struct {
	mu     sync.Mutex
	notes  notes
	report media.Report
	wanted *UpTrack // by the last Switch or Prefer
	closed bool
}

// notes is the content of an inbox.
type notes struct {
	moved     bool
	preferred bool
	paused    bool
	wantKey   bool
	thin      bool
	pace      media.Bitrate
	to        *UpTrack // if moved
	prefer    *UpTrack // if preferred
	rtt       time.Duration
	nacked    int
	nacks     [maxNacks]uint16
}

func (i *inbox) move(to *UpTrack) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.closed {
		i.wanted, i.notes.moved, i.notes.to = to, true, to
		i.notes.preferred, i.notes.prefer = false, nil
	}
}

func (i *inbox) prefer(up *UpTrack) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.closed {
		i.notes.preferred, i.notes.prefer = true, up
		i.wanted = up
	}
}

func (i *inbox) pace(rate media.Bitrate) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.notes.pace = rate
}

func (i *inbox) wants() (paused bool, up *UpTrack) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.notes.paused, i.wanted
}

// close has the track leave its up-track for good. It says whether that is new.
func (i *inbox) close() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return false
	}
	i.closed, i.notes.moved, i.notes.to = true, true, nil
	i.notes.preferred, i.notes.prefer, i.wanted = false, nil, nil
	return true
}

func (i *inbox) pause(p bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.notes.paused = p
}

func (i *inbox) thin(t bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.notes.thin = t
}

// wantKeyFrame says whether the wish is new.
func (i *inbox) wantKeyFrame() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	isNew := !i.notes.wantKey
	i.notes.wantKey = true
	return isNew
}

// nack returns how many there was no room for.
func (i *inbox) nack(seqs []uint16) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := copy(i.notes.nacks[i.notes.nacked:], seqs)
	i.notes.nacked += n
	return len(seqs) - n
}

func (i *inbox) keepReport(r media.Report) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.report, i.notes.rtt = r, r.RTT
}

func (i *inbox) lastReport() media.Report {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.report
}

// empty moves the notes to n. What is a state, not an event, stays.
func (i *inbox) empty(n *notes) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n.moved, n.to, n.wantKey, n.paused, n.rtt = i.notes.moved, i.notes.to, i.notes.wantKey, i.notes.paused, i.notes.rtt
	n.thin, n.pace = i.notes.thin, i.notes.pace
	n.preferred, n.prefer = i.notes.preferred, i.notes.prefer
	n.nacked = copy(n.nacks[:], i.notes.nacks[:i.notes.nacked])
	i.notes.moved, i.notes.to, i.notes.wantKey, i.notes.nacked = false, nil, false, 0
	i.notes.preferred, i.notes.prefer = false, nil
}
