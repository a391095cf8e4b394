package rtc

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/proscenium-live/proscenium/internal/media"
	"github.com/proscenium-live/proscenium/internal/media/bwe"
)

// The vectors of RFC 3711 appendix B.3.
func TestDeriveKey_FollowsTheRFC(t *testing.T) {
	key := unhex(t, "E1F97A0D3E018BE0D64FA32C06DE4139")
	salt := unhex(t, "0EC675AD498AFEEBB6960B3AABE6")
	for _, c := range []struct {
		label byte
		want  string
	}{
		{labelEncryption, "C61E7A93744F39EE10734AFE3FF7A087"},
		{labelSalt, "30CBBC08863D8C85D49DB34A9AE1"},
	} {
		want := unhex(t, c.want)
		got, err := deriveKey(key, salt, c.label, len(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("label %d: %x, %v; want %x", c.label, got, err, want)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What we seal, pion opens, over several wraps of the sequence number.
func TestGCMSealer_IsUnderstoodByPion(t *testing.T) {
	key, salt := bytes.Repeat([]byte{7}, 16), bytes.Repeat([]byte{9}, 12)
	s, err := newGCMSealer(key, salt)
	if err != nil {
		t.Fatal(err)
	}
	c, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm, srtp.SRTPReplayProtection(64))
	if err != nil {
		t.Fatal(err)
	}
	out := stream{ssrc: 0xdeadbeef}
	for i := range uint32(200_000) {
		seq := uint16(30000 + i)
		index, fresh := out.advance(seq)
		if !fresh || index != uint64(30000+i) {
			t.Fatalf("packet %d has the index %d, fresh %v", i, index, fresh)
		}
		if i%100 != 0 && seq > 10 && seq < 65525 { // every packet near the wraps, some elsewhere
			continue
		}
		raw, err := (&rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, SSRC: out.ssrc}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		slot := append(raw, make([]byte, 5+gcmTag)...)
		s.seal(slot, 12, []byte("hello"), out.ssrc, index)
		plain, err := c.DecryptRTP(nil, slot, nil)
		if err != nil || string(plain[12:]) != "hello" {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
}

func TestStream_NeverGivesANumberTwice(t *testing.T) {
	s := stream{}
	for i, c := range []struct {
		seq   uint16
		index uint64
		fresh bool
	}{
		{100, 100, true},
		{102, 102, true},
		{101, 101, true},
		{101, 101, false},
		{102, 102, false},
		{65000, 0, false}, // before the first wrap
		{30000, 30000, true},
		{30000 - 1023, 30000 - 1023, true},
		{30000 - 1024, 30000 - 1024, false},
		{60000, 60000, true},
		{10, 65546, true},
		{65535, 65535, true},
		{65535, 65535, false},
		{10, 65546, false},
	} {
		index, fresh := s.advance(c.seq)
		if fresh != c.fresh || fresh && index != c.index {
			t.Errorf("step %d: %d gives %d, %v; want %d, %v", i, c.seq, index, fresh, c.index, c.fresh)
		}
	}
}

// A nonce must not meet two packets: a number written twice is refused, and so is a repeat that would differ.
func TestLocal_RefusesToUseANonceTwice(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	batch := tr.NewBatch()
	audio := c.peer.Sink(media.Audio) // has extensions that change, and no retransmission stream
	audio.Write(batch, media.Header{Seq: 5}, []byte("a"))
	audio.Write(batch, media.Header{Seq: 5}, []byte("b"))
	audio.Write(batch, media.Header{Seq: 5, Repeat: true}, []byte("a"))
	if got := tr.counters.SealRefused.Load(); got != 2 {
		t.Fatalf("refused %d, want 2", got)
	}
	if got := audio.main.packets; got != 1 {
		t.Fatalf("sent %d, want 1", got)
	}
}

func TestLocal_WritesWithoutAllocating(t *testing.T) {
	for _, profile := range []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80} {
		tr := serve(t, Options{})
		c := newLean(t)
		c.profiles = []dtls.SRTPProtectionProfile{profile}
		c.connect(tr, nil, "recvonly")
		video, audio := c.peer.Sink(media.Video), c.peer.Sink(media.Audio)
		batch := tr.NewBatch()
		payload := make([]byte, 1100)
		seq := uint16(0)
		round := func() {
			seq++
			video.Write(batch, media.Header{Seq: seq}, payload)
			video.Write(batch, media.Header{Seq: seq, Repeat: true}, payload)
			audio.Write(batch, media.Header{Seq: seq, Level: 30, HasLevel: true}, payload[:100])
			batch.Flush()
		}
		round()
		n := testing.AllocsPerRun(500, round)
		if poolsForget && profile == dtls.SRTP_AES128_CM_HMAC_SHA1_80 { // pion's key stream is in a pool
			n = 0
		}
		if n != 0 {
			t.Errorf("%v: %v allocations per round", profile, n)
		}
		// and the far end opens what its socket had room for
		opened := map[uint8]int{}
		for opened[96] < 20 || opened[97] < 20 || opened[111] < 20 {
			data, ok := c.read(patience)
			if !ok {
				t.Fatalf("%v: opened only %v", profile, opened)
			}
			var h rtp.Header
			if plain, err := c.in.DecryptRTP(nil, data, &h); err == nil && len(plain) > 12 {
				opened[h.PayloadType]++
				if h.PayloadType == 111 && h.GetExtension(3) == nil {
					t.Fatal("a packet of sound without its level")
				}
			}
		}
	}
}

// discard is a receiver that does nothing.
type discard struct{ packets int }

func (d *discard) Receive(*media.Packet)            { d.packets++ }
func (d *discard) ReceiveReport(media.SenderReport) {}
func (d *discard) Flush(media.Time)                 {}

func TestPeer_ReceivesWithoutAllocating(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	d := &discard{}
	c.join(tr, nil, "sendonly", func(o *PeerOptions) { o.OnTrack = func(media.Source) media.Receiver { return d } })
	c.check(true)
	if err := c.shake(); err != nil {
		t.Fatal(err)
	}
	c.states.want(t, Connected)
	c.drop()
	r, path := newReader(tr), c.path(tr)
	const n = 2000
	packets := make([][]byte, n)
	for i := range packets {
		h := rtp.Header{PayloadType: 96, SequenceNumber: uint16(i), SSRC: 5}
		_ = h.SetExtension(2, []byte{byte(i >> 8), byte(i)})
		packets[i] = c.packet(h, make([]byte, 1000))
	}
	i := 0
	one := func() {
		r.Read(packets[i], path, time.Duration(i)*time.Millisecond)
		r.Flush(time.Duration(i) * time.Millisecond)
		i++
	}
	for range 500 { // the recorder of arrival times grows at first
		one()
	}
	if got := testing.AllocsPerRun(1000, one); got > 0.1 {
		t.Errorf("%v allocations per packet", got)
	}
	if d.packets != i {
		t.Errorf("received %d of %d", d.packets, i)
	}
}

// A viewer's sender reports continue the source's clock, and its receiver reports give the round trip.
func TestLocal_ReportsContinueTheSourcesClock(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	l := c.peer.Sink(media.Video)
	f := &feedbackCounter{}
	l.SetFeedback(f)
	batch := tr.NewBatch()
	l.Write(batch, media.Header{Seq: 1}, []byte("x"))
	batch.Flush()
	reported := media.Now()
	l.WriteReport(media.SenderReport{NTP: 1000 << 32, RTP: 90000, Arrival: reported})
	var sr *rtcp.SenderReport
	for sr == nil {
		data, ok := c.read(patience)
		if !ok {
			t.Fatal("no sender report")
		}
		if data[1] != typeSR {
			continue
		}
		plain, err := c.in.DecryptRTCP(nil, data, nil)
		if err != nil {
			t.Fatal(err)
		}
		packets, err := rtcp.Unmarshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		sr = packets[0].(*rtcp.SenderReport)
		if sdes := packets[1].(*rtcp.SourceDescription); sdes.Chunks[0].Items[0].Text != "lean" {
			t.Errorf("cname %q", sdes.Chunks[0].Items[0].Text)
		}
	}
	since := float64(sr.NTPTime-1000<<32) / (1 << 32)
	ticks := float64(sr.RTPTime-90000) / 90000
	if since < 0 || since > patience.Seconds() || since-ticks > 0.001 || ticks-since > 0.001 {
		t.Errorf("the report is %.3f s and %.3f s of ticks after the source's", since, ticks)
	}
	if sr.SSRC != l.main.ssrc || sr.PacketCount != 1 || sr.OctetCount != 1 {
		t.Errorf("report %+v", sr)
	}
	c.send(c.rtcp(&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{
		SSRC: l.main.ssrc, FractionLost: 64, TotalLost: 3, Jitter: 900, LastSenderReport: uint32(sr.NTPTime >> 16), Delay: 0,
	}}}))
	eventually(t, "the report arrives", func() bool {
		c.peer.rx.mu.Lock()
		defer c.peer.rx.mu.Unlock()
		return f.reports == 1
	})
	if r := f.last; r.FractionLost != 0.25 || r.TotalLost != 3 || r.Jitter != 10*time.Millisecond || r.RTT <= 0 || r.RTT > patience {
		t.Errorf("report %+v", r)
	}
}

func TestReadTransport_CountsWhatPionWrites(t *testing.T) {
	r := newRecorder(1)
	for i := range uint16(1000) {
		if i%7 != 3 {
			r.Record(5, i, int64(i)*1000)
		}
	}
	received, lost := 0, 0
	for _, p := range r.BuildFeedbackPacket() {
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		packet, rest, ok := nextRTCP(raw)
		if !ok || len(rest) != 0 {
			t.Fatal("not one packet")
		}
		heard, ok := bwe.Count(packet.body[8:])
		if !ok {
			t.Fatal("refused")
		}
		received, lost = received+heard.Received, lost+heard.Lost
	}
	if received != 857 || lost != 143 {
		t.Fatalf("%d received and %d lost, want 857 and 143", received, lost)
	}
}

func TestAppendNack_IsReadByPionAndByUs(t *testing.T) {
	want := []uint16{10, 11, 26, 27, 65535, 0, 3}
	raw := appendNack(nil, 1, 2, want)
	packets, err := rtcp.Unmarshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	var got []uint16
	for _, pair := range packets[0].(*rtcp.TransportLayerNack).Nacks {
		got = append(got, pair.PacketList()...)
	}
	packet, _, _ := nextRTCP(raw)
	own, asked := readNack(packet.body[8:], make([]uint16, 0, 20))
	if len(got) != len(want) || asked != len(want) {
		t.Fatalf("pion reads %v, we read %v, want %v", got, own, want)
	}
	for i := range want {
		if got[i] != want[i] || own[i] != want[i] {
			t.Fatalf("pion reads %v, we read %v, want %v", got, own, want)
		}
	}
}

func TestReceived_ReportsLossAndJitter(t *testing.T) {
	s := &received{ssrc: 1, remote: &remote{track: media.Track{Codec: media.Codec{ClockRate: 90000}}}}
	for i := range uint16(100) {
		if i%4 == 1 {
			continue
		}
		s.count(&header{seq: 65500 + i, timestamp: uint32(i) * 900}, media.Time(i)*10*time.Millisecond)
	}
	b := s.block(2 * time.Second)
	if b.fraction != 64 || b.lost != 25 || b.highest != 65599 || b.jitter != 0 {
		t.Fatalf("report %+v", b)
	}
	if b = s.block(2 * time.Second); b.fraction != 0 || b.lost != 25 {
		t.Fatalf("second report %+v", b)
	}
}

func FuzzRTPHeader(f *testing.F) {
	f.Add([]byte{0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3})
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0, 2, 0x10, 'v', 0x21, 1, 2, 0x30, 0x80, 0, 9})
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0x10, 0, 0, 2, 1, 1, 'v', 2, 2, 1, 2, 0, 9})
	f.Add([]byte{0xa0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 255}) // CVE-2025-49140
	f.Add([]byte{0xbf, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		var h header
		if !parseHeader(data, extensionIDs{mid: 1, transport: 2, level: 3}, &h) {
			return
		}
		if h.offset < 12 || h.offset > len(data) {
			t.Fatalf("payload at %d of %d", h.offset, len(data))
		}
		if p, ok := h.payload(data); ok && len(p) > len(data)-h.offset {
			t.Fatalf("payload of %d bytes in %d", len(p), len(data))
		}
	})
}

func FuzzRTCP(f *testing.F) {
	for _, p := range []rtcp.Packet{
		&rtcp.SenderReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2}}},
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2}}},
		&rtcp.TransportLayerNack{Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 3}}},
		&rtcp.PictureLossIndication{MediaSSRC: 2},
		&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 2}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{2}},
	} {
		raw, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(unhexSeed("8fcd000500000001000000020001000e00000000200e0102"))
	f.Fuzz(func(t *testing.T, data []byte) {
		counter := &feedbackCounter{}
		p := &Peer{t: &Transport{}}
		l := &Local{peer: p, rate: 90000, main: stream{ssrc: 2}}
		l.SetFeedback(counter)
		p.locals = []*Local{l}
		p.rx.budget.renew(time.Hour)
		for rest := data; len(rest) > 0; {
			packet, next, ok := nextRTCP(rest)
			if !ok {
				break
			}
			if len(next) >= len(rest) {
				t.Fatal("no progress")
			}
			p.report(packet, time.Hour)
			rest = next
		}
		if counter.nacks > nacksPerSecond || counter.wishes > keyFrameWishesPerSecond {
			t.Fatalf("over the budget: %+v", counter)
		}
	})
}

func unhexSeed(s string) []byte {
	b, _ := hex.DecodeString(s)
	return b
}

// Pieces of a frame that differ by a byte leave in equal sizes, and come out as they were.
func TestLocal_RoundsTheSizesOfVideoUp(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.connect(tr, nil, "recvonly")
	l := c.peer.Sink(media.Video)
	batch := tr.NewBatch()
	sizes := []int{1001, 1007, 1008, 1002, 256, 257, 255, 1}
	for i, n := range sizes {
		l.Write(batch, media.Header{Seq: uint16(i)}, bytes.Repeat([]byte{byte(i)}, n))
	}
	batch.Flush()
	lengths := map[int]bool{}
	for i, n := range sizes {
		data, ok := c.read(patience)
		if !ok {
			t.Fatal("no packet")
		}
		plain, err := c.in.DecryptRTP(nil, data, nil)
		if err != nil {
			t.Fatal(err)
		}
		var p rtp.Packet
		if err := p.Unmarshal(plain); err != nil {
			t.Fatal(err)
		}
		if len(p.Payload) != n || p.Payload[0] != byte(i) || p.Payload[n-1] != byte(i) {
			t.Fatalf("packet %d has %d bytes of payload, want %d", i, len(p.Payload), n)
		}
		if i < 4 {
			lengths[len(data)] = true
		}
	}
	if len(lengths) != 1 {
		t.Fatalf("pieces of one frame have the sizes %v", lengths)
	}
	if got := c.peer.Stats().BytesSent; got != 4018+256+257+255+1 {
		t.Errorf("%d bytes of payload counted", got)
	}
}

// Without a retransmission stream, what is repeated equals the first sending to the bit: the same nonce must
// not meet another packet.
func TestLocal_RepeatsToTheBitWithoutRetransmissionStream(t *testing.T) {
	tr := serve(t, Options{})
	c := newLean(t)
	c.codecs = strings.NewReplacer(" 96 97", " 96", "a=rtpmap:97 rtx/90000\n", "", "a=fmtp:97 apt=96\n", "").Replace(leanCodecs)
	c.connect(tr, nil, "recvonly")
	l := c.peer.Sink(media.Video)
	if !l.constant {
		t.Fatal("the track has a retransmission stream")
	}
	batch := tr.NewBatch()
	write := func(h media.Header) []byte {
		l.Write(batch, h, bytes.Repeat([]byte("x"), 777))
		batch.Flush()
		data, ok := c.read(patience)
		if !ok {
			t.Fatal("no packet")
		}
		return data
	}
	h := media.Header{Seq: 9, Timestamp: 8, Marker: true}
	first := write(h)
	write(media.Header{Seq: 10})
	h.Repeat = true
	if again := write(h); !bytes.Equal(first, again) {
		t.Fatal("the repeat differs")
	}
}

// Clients without GCM get and send media as well.
func TestTransport_AcceptsTheOlderProfile(t *testing.T) {
	tr := serve(t, Options{})
	r := newRoom(tr)
	c := newLean(t)
	c.profiles = []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	c.connect(tr, r, "sendonly")
	for i := range uint16(10) {
		c.send(c.packet(rtp.Header{PayloadType: 111, SequenceNumber: i, SSRC: 7}, []byte("sound")))
	}
	eventually(t, "packets have come", func() bool { return r.count(&r.packets) == 10 })
}

// The process's first second is one like any other.
func TestBudget_IsThereFromTheFirstMoment(t *testing.T) {
	var b budget
	b.renew(0)
	if b.rtcp != rtcpPerSecond || b.nacks != nacksPerSecond || b.keyFrames != keyFrameWishesPerSecond {
		t.Errorf("%+v at the start", b)
	}
}
