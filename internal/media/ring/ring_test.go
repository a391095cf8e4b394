package ring

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/proscenium-live/proscenium/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbered returns a packet whose payload repeats its number, so that a torn read shows.
func numbered(seq media.Seq, buf []byte) *media.Packet {
	for i := 0; i+8 <= len(buf); i += 8 {
		binary.BigEndian.PutUint64(buf[i:], uint64(seq))
	}
	return &media.Packet{Seq: seq.Wire(), Timestamp: uint32(seq), Payload: buf}
}

func put(t *testing.T, r *Ring, seq media.Seq, want Result) {
	t.Helper()
	if got := r.Put(seq, numbered(seq, make([]byte, 64)), false); got != want {
		t.Fatalf("Put(%d) = %d, want %d", seq, got, want)
	}
}

func has(t *testing.T, r *Ring, seq media.Seq, want bool) {
	t.Helper()
	p := r.At(seq)
	if (p != nil) != want {
		t.Fatalf("At(%d) found %v, want %v", seq, p != nil, want)
	}
	if p == nil {
		return
	}
	defer p.Release()
	if !bytes.Equal(p.Payload, numbered(seq, make([]byte, 64)).Payload) {
		t.Fatalf("At(%d) returned another packet's payload", seq)
	}
}

func TestRing_FindsWhatWasPutInAnyOrder(t *testing.T) {
	r := New(8)
	for _, seq := range []media.Seq{100, 103, 101, 104} {
		put(t, r, seq, Stored)
	}
	for seq, want := range map[media.Seq]bool{99: false, 100: true, 101: true, 102: false, 103: true, 104: true, 105: false} {
		has(t, r, seq, want)
	}
}

func TestRing_RefusesDuplicatesAndWhatIsTooOld(t *testing.T) {
	r := New(8)
	put(t, r, 100, Stored)
	put(t, r, 100, Duplicate)
	put(t, r, 107, Stored)
	put(t, r, 108, Stored) // pushes 100 out
	has(t, r, 100, false)
	put(t, r, 100, Late)
	put(t, r, 101, Stored)
	if got := r.Put(109, &media.Packet{Payload: make([]byte, media.MaxPacket+1)}, false); got != TooBig {
		t.Fatalf("Put of an oversized packet = %d", got)
	}
	has(t, r, 109, false)
}

// security.md row 30: the memory is the same after any jump, and nothing from before it is found.
func TestRing_ForgetsEverythingAtAJumpOf2To15(t *testing.T) {
	r := New(8)
	for seq := media.Seq(100); seq < 108; seq++ {
		put(t, r, seq, Stored)
	}
	put(t, r, 107+1<<15, Stored)
	for seq := media.Seq(100); seq < 108; seq++ {
		has(t, r, seq, false)
		put(t, r, seq, Late)
	}
	has(t, r, 107+1<<15, true)
}

func TestRing_TellsTheOrderOfArrival(t *testing.T) {
	r := New(8)
	var dst [8]media.Seq
	for _, seq := range []media.Seq{100, 102, 101} {
		put(t, r, seq, Stored)
	}
	n, kept := r.Since(1, dst[:])
	if n != 2 || !kept || dst[0] != 102 || dst[1] != 101 {
		t.Fatalf("Since(1) = %v, %v", dst[:n], kept)
	}
	for seq := media.Seq(103); seq < 120; seq++ {
		put(t, r, seq, Stored)
	}
	if _, kept := r.Since(3, dst[:]); kept {
		t.Fatal("a reader a turn late is told that it kept its place")
	}
	if n, kept := r.Since(r.Tail(), dst[:]); n != 0 || !kept {
		t.Fatalf("Since(Tail) = %d, %v", n, kept)
	}
}

func TestRing_NoReaderMakesTheWriterWait(t *testing.T) {
	r := New(8)
	put(t, r, 100, Stored)
	p := r.At(100)
	put(t, r, 108, Busy)
	put(t, r, 109, Stored)
	if want := numbered(100, make([]byte, 64)).Payload; !bytes.Equal(p.Payload, want) {
		t.Fatal("the payload changed while it was held")
	}
	p.Release()
	put(t, r, 108, Stored)
}

func TestRing_ReadersNeverSeeHalfAPacket(t *testing.T) {
	const last = 5000
	r := New(64)
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() { readAlong(t, r, last) })
	}
	buf := make([]byte, 1200)
	for seq := media.Seq(1); seq <= last; {
		if r.Put(seq, numbered(seq, buf), false) != Busy {
			seq++
		}
		if seq%32 == 0 {
			runtime.Gosched()
		}
	}
	done.Wait()
}

// readAlong follows the writer, losing its place as it may, and checks what it finds.
func readAlong(t *testing.T, r *Ring, last media.Seq) {
	t.Helper()
	var dst [16]media.Seq
	position := uint64(0)
	for r.Head() < last {
		n, kept := r.Since(position, dst[:])
		if !kept {
			position = r.Tail()
			continue
		}
		if position += uint64(n); n == 0 {
			runtime.Gosched()
		}
		for _, seq := range dst[:n] {
			check(t, r.At(seq), seq)
		}
	}
}

func check(t *testing.T, p *Packet, seq media.Seq) {
	t.Helper()
	if p == nil {
		return
	}
	defer p.Release()
	for i := 0; i < len(p.Payload); i += 8 {
		if got := binary.BigEndian.Uint64(p.Payload[i:]); got != uint64(seq) || p.Seq != seq || p.Timestamp != uint32(seq) {
			t.Errorf("packet %d holds %d at %d", seq, got, i)
			return
		}
	}
}

func TestRing_AllocatesNothing(t *testing.T) {
	r := New(64)
	p := numbered(1, make([]byte, 1200))
	seq := media.Seq(1)
	var dst [4]media.Seq
	if n := testing.AllocsPerRun(1000, func() {
		r.Put(seq, p, false)
		r.At(seq).Release()
		r.Since(r.Tail()-1, dst[:])
		seq++
	}); n != 0 {
		t.Fatalf("%v allocations per packet", n)
	}
}

func BenchmarkRing_Put(b *testing.B) {
	r := New(VideoSlots)
	p := numbered(1, make([]byte, 1200))
	for i := 0; b.Loop(); i++ {
		r.Put(media.Seq(i+1), p, false)
	}
}

func BenchmarkRing_At(b *testing.B) {
	r := New(VideoSlots)
	p := numbered(1, make([]byte, 1200))
	for seq := media.Seq(1); seq <= VideoSlots; seq++ {
		r.Put(seq, p, false)
	}
	for i := 0; b.Loop(); i++ {
		r.At(media.Seq(i%VideoSlots + 1)).Release()
	}
}

// BenchmarkRing_PutBesideReaders shows what readers on another processor cost the writer.
func BenchmarkRing_PutBesideReaders(b *testing.B) {
	r := New(VideoSlots)
	p := numbered(1, make([]byte, 1200))
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if p := r.At(r.Head()); p != nil {
					p.Release()
				}
			}
		}
	})
	for i := 0; b.Loop(); i++ {
		r.Put(media.Seq(i+1), p, false)
	}
	close(stop)
	done.Wait()
}
