package rtc

import (
	"runtime"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/proscenium-live/proscenium/internal/media"
)

// restAfter is how long an association is silent before it rests: a client that has not heard the end of the
// handshake repeats its last flight sooner.
const restAfter = 3 * time.Second

// Once media flows, an association has nothing to do but wait for a goodbye, and costs four goroutines and 30 KiB
// for that. So it is put to rest: pion's is closed without a word, and its keys and numbers are kept, in half a
// kilobyte. A record that comes wakes it, and so does our own goodbye (ADR 18).
//
// Numbers are not used twice: from the moment at which the line is closed, nothing of the old association leaves;
// the numbers are looked at after that; and they are restored once, as the wire forgets them when it hands them out.

// restIfIdle puts the peer's association to rest if the far end is known to have finished the handshake too: it
// has sent something under the keys that come of it.
func (p *Peer) restIfIdle(now media.Time) {
	p.rx.mu.Lock()
	proven := len(p.rx.reporter) > 0 || len(p.rx.streams) > 0
	p.rx.mu.Unlock()
	if proven && p.wire.rest(now) {
		runtime.Gosched() // many may have joined together: packets go first between two of them
	}
}

// rest closes the association and keeps what is needed to restore it, unless it is busy. It reports whether it did.
func (w *wire) rest(now media.Time) bool {
	w.mu.Lock()
	conn, l := w.conn, w.line
	if conn == nil || w.ended || l.closed || len(w.queue) > 0 || now-w.heard < restAfter {
		w.mu.Unlock()
		return false
	}
	w.conn, w.line = nil, nil
	l.close()
	w.mu.Unlock()
	_ = conn.Close() // its goodbye goes nowhere: the line is closed
	state, ok := conn.ConnectionState()
	if !ok {
		panic("rtc: an association that shook hands has no state")
	}
	state.PeerCertificates = nil // verified long ago
	w.mu.Lock()
	ended, records := w.ended, len(w.queue) > 0
	if !ended && !records {
		w.resting = &state
	}
	w.mu.Unlock()
	switch {
	case ended: // meanwhile: the goodbye is ours to say
		if conn := w.p.restoreForGoodbye(&state); conn != nil {
			_ = conn.Close()
		}
	case records: // came meanwhile
		if !w.p.t.start(func() { w.p.wake(&state) }) {
			w.p.end(Closed)
		}
	}
	return true
}

// left tells whether the line's association went to rest, rather than came to its end.
func (w *wire) left(l *line) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.ended && w.line != l
}

// wake restores the association and has it read what woke it.
func (p *Peer) wake(state *dtls.State) {
	line := p.wire.open(false)
	conn, err := dtls.ResumeWithOptions(state, line, wireAddr{}, p.resumption()...)
	if err != nil {
		p.end(Closed)
		return
	}
	p.watch(conn, line)
}

// restoreForGoodbye returns the association, ready to be closed, or nil.
func (p *Peer) restoreForGoodbye(state *dtls.State) *dtls.Conn {
	conn, err := dtls.ResumeWithOptions(state, p.wire.open(true), wireAddr{}, p.resumption()...)
	if err != nil {
		return nil
	}
	if conn.Handshake() != nil { // nothing is sent: it begins where the old one had ended
		return nil
	}
	return conn
}

// resumption says how an association goes on: nothing of the handshake matters any more.
func (p *Peer) resumption() []dtls.Option {
	return []dtls.Option{
		dtls.WithCertificates(p.t.certificate.tls), // demanded of every server
		dtls.WithMTU(dtlsMTU),
		dtls.WithLoggerFactory(silent{}),
	}
}

// sealedRecord tells whether data looks like a record that an established association would read: of DTLS 1.2,
// encrypted (RFC 6347 section 4.1). Anything else isn't worth waking up for.
func sealedRecord(data []byte) bool {
	return len(data) > 13 && data[0] >= 21 && data[0] <= 23 && data[1] == 0xfe && data[2] == 0xfd && data[3] == 0 && data[4] == 1
}
