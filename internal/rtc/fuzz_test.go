package rtc

import (
	"testing"

	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/packetio"
)

// FuzzDatagram puts strangers' and a peer's datagrams in at the door: STUN, DTLS, SRTP and SRTCP entry.
func FuzzDatagram(f *testing.F) {
	tr := serve(f, Options{})
	c := newLean(f)
	c.connect(tr, nil, "recvonly")
	known := c.path(tr)
	f.Add(c.request(true), true)
	f.Add(c.request(false, raw{stun.AttrXORMappedAddress, nil}), false)
	f.Add([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3}, true)
	f.Add([]byte{0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3}, true)
	f.Add([]byte{0x80, 200, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4}, true)
	f.Add([]byte{64, 0, 0, 4}, false)
	r := newReader(tr)
	f.Fuzz(func(t *testing.T, data []byte, peer bool) {
		if len(data) == 0 || len(data) > packetio.MaxDatagram {
			return // the port hands over neither
		}
		from := packetio.Path{}
		if peer {
			from = known
		}
		answered := tr.counters.StunAnswered.Load()
		r.Read(data, from, media.Now())
		r.Flush(media.Now())
		if !peer && tr.counters.StunAnswered.Load() > answered && data[0] > 3 {
			t.Fatal("answered what is no check")
		}
	})
}
