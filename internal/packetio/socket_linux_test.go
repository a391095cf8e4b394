package packetio

import "testing"

func TestBatch_SendsPieceByPieceWhereTheKernelCannotSegment(t *testing.T) {
	p, box := start(t, Options{})
	c := dialUDP(t, p.Addrs()[0])
	if _, err := c.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	path := box.next(t).from
	b := p.NewBatch()
	for range 3 {
		copy(b.Append(path, 100), "abc")
	}
	s := p.listeners[0].sockets[0]
	lane := b.lanes[0]
	s.sendPieces(lane, run{to: path.remote, offset: 0, size: 100, length: 300, count: 3}, &p.counters)
	for range 3 {
		if got := receive(t, c); len(got) != 100 || string(got[:3]) != "abc" {
			t.Fatalf("got %d bytes", len(got))
		}
	}
}
