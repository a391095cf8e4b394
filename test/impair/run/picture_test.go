package main

import (
	"encoding/hex"
	"testing"
	"time"
)

const frameTime = time.Second / 30

// stream makes frames of three packets; each key-th begins with a parameter set of 640x360.
type stream struct {
	p   *picture
	key int
}

func (s *stream) packet(t *testing.T, i, part int, at time.Duration) {
	t.Helper()
	payload := []byte{0x41, 1, 2, 3}
	if i%s.key == 0 && part == 0 {
		var err error
		if payload, err = hex.DecodeString("6742c01ed900a02ff970110000030001000003003c0f162e48"); err != nil {
			t.Fatal(err)
		}
	}
	s.p.take(at, uint64(1000+3*i+part), uint32(i*videoClock/30), part == 2, payload)
}

func at(i int) time.Duration { return time.Second + time.Duration(i)*frameTime }

func TestPicture_ShowsWhatIsWholeInTime(t *testing.T) {
	s := &stream{newPicture(), 300}
	for i := range 90 {
		for part := range 3 {
			s.packet(t, i, part, at(i))
		}
	}
	if len(s.p.shown) != 90 {
		t.Fatalf("%d frames shown", len(s.p.shown))
	}
	for i, f := range s.p.shown {
		if late := f.Shown - at(i); late < 0 || late > time.Millisecond || f.Height != 360 {
			t.Fatalf("frame %d: %+v", i, f)
		}
	}
	if n, total, _ := freezes(s.p.shown, 0, at(90)); n != 0 || total != 0 {
		t.Fatalf("%d freezes of %v", n, total)
	}
}

func TestPicture_WaitsForARepeatAndThenPlaysLater(t *testing.T) {
	s := &stream{newPicture(), 300}
	for i := range 90 {
		for part := range 3 {
			if i == 40 && part == 1 {
				continue
			}
			s.packet(t, i, part, at(i))
		}
		if i == 46 {
			s.packet(t, 40, 1, at(46))
		}
		s.p.advance(at(i))
	}
	s.p.advance(at(200))
	if len(s.p.shown) != 90 {
		t.Fatalf("%d frames shown", len(s.p.shown))
	}
	if f := s.p.shown[40]; f.Ready != at(46) || f.Shown != at(46) {
		t.Fatalf("the repaired frame: %+v", f)
	}
	if f := s.p.shown[89]; f.Shown < at(89)+6*frameTime-time.Millisecond {
		t.Fatalf("the delay is forgotten: %+v", f)
	}
	n, total, longest := freezes(s.p.shown, 0, at(89))
	if n != 1 || total != longest || longest < 7*frameTime-time.Millisecond || longest > 7*frameTime+time.Millisecond {
		t.Fatalf("%d freezes of %v", n, total)
	}
}

func TestPicture_GoesOnAtAKeyFrame(t *testing.T) {
	s := &stream{newPicture(), 30}
	for i := range 90 {
		for part := range 3 {
			if i != 40 || part != 2 {
				s.packet(t, i, part, at(i))
			}
		}
		s.p.advance(at(i) + time.Millisecond)
	}
	if len(s.p.shown) != 40+30 {
		t.Fatalf("%d frames shown", len(s.p.shown))
	}
	if f := s.p.shown[40]; f.Shown < at(60) || f.Shown > at(60)+2*time.Millisecond {
		t.Fatalf("the first frame after the loss: %+v", f)
	}
	if n, total, _ := freezes(s.p.shown, 0, at(89)); n != 1 || total < 20*frameTime || total > 22*frameTime {
		t.Fatalf("%d freezes of %v", n, total)
	}
	if n, total, _ := freezes(s.p.shown, at(50), at(55)); n != 1 || total > 6*frameTime {
		t.Fatalf("within the freeze %d of %v", n, total)
	}
}

func TestPicture_TellsForHowLongItIsStuck(t *testing.T) {
	s := &stream{newPicture(), 300}
	s.packet(t, 0, 0, at(0))
	s.packet(t, 0, 1, at(0))
	s.packet(t, 1, 0, at(1))
	if got := s.p.stuck(at(4)); got < 3*frameTime {
		t.Fatalf("stuck for %v", got)
	}
	s.packet(t, 0, 2, at(4))
	s.packet(t, 1, 1, at(4))
	s.packet(t, 1, 2, at(4))
	if got := s.p.stuck(at(9)); got != 0 {
		t.Fatalf("stuck for %v", got)
	}
}

func TestPicture_EmptyPacketsFillNumbers(t *testing.T) {
	p := newPicture()
	s := &stream{p, 300}
	s.packet(t, 0, 0, at(0))
	s.packet(t, 0, 1, at(0))
	s.packet(t, 0, 2, at(0))
	p.take(at(1), 1003, 0, false, nil)
	p.take(at(1), 1005, 0, false, nil)
	p.take(at(1), 1004, 0, false, nil)
	p.take(at(1), 1006, 3000, true, []byte{0x41, 1, 2})
	if len(p.shown) != 2 {
		t.Fatalf("%d frames shown", len(p.shown))
	}
}

func TestSound_CountsWhatFECBringsBack(t *testing.T) {
	s := newSound()
	plain := []byte{0x08, 0x80, 1}   // SILK wide band, 20 ms, mono
	carrier := []byte{0x08, 0xc0, 1} // the same, with the packet before it
	for i := range uint64(100) {
		switch i {
		case 10, 20, 30, 31:
		case 11, 32:
			s.take(time.Second+time.Duration(i)*soundTime, 500+i, carrier)
		default:
			s.take(time.Second+time.Duration(i)*soundTime, 500+i, plain)
		}
	}
	h := s.count(time.Second+2*soundTime, time.Second+90*soundTime)
	if h.due != 88 || h.lost != 4 || h.concealed != 2 {
		t.Fatalf("%+v", h)
	}
}

func TestSound_WaitsForWhatIsLateAndCatchesUp(t *testing.T) {
	s := newSound()
	for i := range uint64(1000) {
		at := time.Duration(i) * soundTime
		if i >= 100 && i < 110 { // the line stands still for a fifth of a second
			at = 110 * soundTime
		}
		s.take(time.Second+at, 500+i, []byte{0x08, 0x80, 1})
	}
	h := s.count(time.Second+2*soundTime, time.Second+900*soundTime)
	if h.lost != 0 || h.concealed < 7 || h.concealed > 11 {
		t.Fatalf("%+v", h)
	}
}

func TestWithoutRecovery_LeavesKeyFramesAndTakesTheRest(t *testing.T) {
	const offer = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 106 107\r\na=rtpmap:106 H264/90000\r\na=rtcp-fb:106 nack\r\n" +
		"a=rtcp-fb:106 nack pli\r\na=rtcp-fb:106 transport-cc\r\na=rtpmap:107 rtx/90000\r\na=fmtp:107 apt=106\r\n" +
		"a=ssrc-group:FID 1 2\r\na=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
	const want = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 106\r\na=rtpmap:106 H264/90000\r\na=rtcp-fb:106 nack pli\r\n"
	if got := withoutRecovery(offer); got != want {
		t.Fatalf("got\n%s", got)
	}
}
