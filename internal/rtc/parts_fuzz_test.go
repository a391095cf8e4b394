package rtc

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"

	"github.com/proscenium-live/proscenium/internal/media"
)

// FuzzSTUN puts any attributes into checks, signed by one who knows the password or not (row 18). What is not
// signed gets no reply, and no reply is larger than its request (row 21).
func FuzzSTUN(f *testing.F) {
	tr := serve(f, Options{})
	c := newLean(f)
	c.connect(tr, nil, "recvonly")
	known := c.path(tr)
	f.Add([]byte{}, uint16(1), true)
	f.Add([]byte{0, 0x24, 0, 4, 0x7e, 0, 0, 1, 0x80, 0x2a, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x25, 0, 0}, uint16(1), true)
	f.Add([]byte{0, 0x20, 0, 0}, uint16(1), true) // CVE-2026-54909: an empty XOR-MAPPED-ADDRESS
	f.Add([]byte{0, 0x06, 0, 1, ':', 0, 0, 0}, uint16(1), true)
	f.Add([]byte{0, 0x08, 0, 0, 0x80, 0x28, 0, 0}, uint16(1), false)
	f.Add([]byte{0x80, 0x29, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8}, uint16(1), true)
	f.Add([]byte{0x77, 0x77, 0xff, 0xff}, uint16(0x0101), false)
	f.Add([]byte{0, 0x24, 0, 3, 1, 2, 3, 0}, uint16(0x0003), true)
	r := newReader(tr)
	now := media.Now()
	key := stun.NewShortTermIntegrity(c.remote.Pwd)
	f.Fuzz(func(t *testing.T, attributes []byte, kind uint16, signed bool) {
		if len(attributes) > 2000 {
			return
		}
		now += 20 * time.Millisecond // so that the budget of checks lasts
		m := new(stun.Message)
		m.WriteHeader()
		if err := stun.NewUsername(c.remote.Ufrag + ":" + c.ice.Ufrag).AddTo(m); err != nil {
			t.Fatal(err)
		}
		m.Raw = append(m.Raw, attributes...)
		m.Length += uint32(len(attributes))
		m.WriteHeader()
		if signed {
			if key.AddTo(m) != nil || stun.Fingerprint.AddTo(m) != nil {
				return
			}
		}
		binary.BigEndian.PutUint16(m.Raw, kind&0x3fff)
		answered := tr.counters.StunAnswered.Load()
		if m.Raw[0] > 3 {
			return // no STUN by its first byte
		}
		r.Read(m.Raw, known, now)
		if tr.counters.StunAnswered.Load() == answered {
			return
		}
		if !signed {
			t.Fatal("answered what nobody signed")
		}
		if len(r.reply.Raw) > len(m.Raw) {
			t.Fatalf("%d bytes in answer to %d", len(r.reply.Raw), len(m.Raw))
		}
	})
}

// talker is a peer with keys, and the contexts that make its packets.
type talker struct {
	*lean
	room    *room
	reader  *reader
	profile srtp.ProtectionProfile
}

func newTalker(f *testing.F, tr *Transport, direction string, profile dtls.SRTPProtectionProfile) *talker {
	f.Helper()
	k := &talker{lean: newLean(f), reader: newReader(tr), profile: srtp.ProtectionProfileAeadAes128Gcm}
	if profile == dtls.SRTP_AES128_CM_HMAC_SHA1_80 {
		k.profile = srtp.ProtectionProfileAes128CmHmacSha1_80
	}
	k.profiles = []dtls.SRTPProtectionProfile{profile}
	if direction == "sendonly" {
		k.room = newRoom(tr)
	}
	k.connect(tr, k.room, direction)
	return k
}

// FuzzSRTP hands in RTP, sealed with a publisher's keys or not (row 28): what is sealed may be anything (rows 29
// and 30), and what is not never reaches a track.
func FuzzSRTP(f *testing.F) {
	tr := serve(f, Options{})
	talkers := map[bool]*talker{
		false: newTalker(f, tr, "sendonly", dtls.SRTP_AEAD_AES_128_GCM),
		true:  newTalker(f, tr, "sendonly", dtls.SRTP_AES128_CM_HMAC_SHA1_80),
	}
	head := []byte{0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7}
	for _, hmac := range []bool{false, true} {
		f.Add(append([]byte{}, head...), true, hmac)
		f.Add(append(append([]byte{}, head...), 0x65, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17), true, hmac)
		f.Add(append(append([]byte{}, head...), 0x65, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17), false, hmac)
		f.Add([]byte{0xa0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 255}, true, hmac) // CVE-2025-49140
		f.Add([]byte{0x90, 96, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x10, 'v', 0x21, 1}, true, hmac)
		f.Add([]byte{0x9f, 97, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0xbe, 0xde, 0xff, 0xff}, true, hmac)
		f.Add([]byte{0x80, 97, 0, 2, 0, 0, 0, 0, 0, 0, 0, 8, 0}, true, hmac) // half an original number
		f.Add([]byte{0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xfc}, true, hmac)
	}
	now := media.Now()
	f.Fuzz(func(t *testing.T, data []byte, sealed, hmac bool) {
		if len(data) < 12 || len(data) > 1400 {
			return
		}
		k := talkers[hmac]
		path := k.path(tr)
		data[0] = 0x80 | data[0]&0x3f // what is neither goes elsewhere
		if data[1] >= 192 && data[1] <= 223 {
			return
		}
		if sealed {
			data[8], data[9], data[10] = 0, 0, 0 // streams of this many SSRCs are what our own context keeps
			var err error
			if data, err = k.out.EncryptRTP(nil, data, nil); err != nil {
				return
			}
		}
		now += time.Millisecond
		before := k.room.count(&k.room.packets)
		k.reader.Read(data, path, now)
		k.reader.Flush(now)
		if got := k.room.count(&k.room.packets); got > before && !sealed {
			t.Fatal("a track got what nobody sealed")
		}
		if len(k.peer.rx.streams) > maxStreams {
			t.Fatalf("%d streams", len(k.peer.rx.streams))
		}
		clear(k.room.kept[media.Video])
		clear(k.room.kept[media.Audio])
	})
}

// FuzzSRTCP hands in RTCP, sealed with the keys of a publisher or a viewer, or not.
func FuzzSRTCP(f *testing.F) {
	tr := serve(f, Options{})
	publisher := newTalker(f, tr, "sendonly", dtls.SRTP_AEAD_AES_128_GCM)
	viewer := newTalker(f, tr, "recvonly", dtls.SRTP_AEAD_AES_128_GCM)
	for _, p := range everyRTCP() {
		raw, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		for _, publishes := range []bool{false, true} {
			f.Add(raw, true, publishes)
			f.Add(raw, false, publishes)
		}
	}
	now := media.Now()
	f.Fuzz(func(t *testing.T, data []byte, sealed, publishes bool) {
		if len(data) < 12 || len(data) > 1400 {
			return
		}
		k := viewer
		if publishes {
			k = publisher
		}
		data[0], data[1] = 0x80|data[0]&0x3f, 192|data[1]&0x1f
		if sealed {
			data[4], data[5], data[6] = 0, 0, 0
			var err error
			if data, err = k.out.EncryptRTCP(nil, data, nil); err != nil {
				return
			}
		}
		now += 10 * time.Millisecond
		read := tr.counters.RTCPIn.Load()
		k.reader.Read(data, k.path(tr), now)
		k.reader.Flush(now)
		if tr.counters.RTCPIn.Load() > read && !sealed {
			t.Fatal("believed what nobody sealed")
		}
		if n := len(k.peer.rx.reporter); n > maxStreams {
			t.Fatalf("%d reporters", n)
		}
	})
}

// everyRTCP has a packet of each type and format that is in use.
func everyRTCP() []rtcp.Packet {
	return []rtcp.Packet{
		&rtcp.SenderReport{SSRC: 1, NTPTime: 1 << 40, Reports: []rtcp.ReceptionReport{{SSRC: 2, FractionLost: 9}}},
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2, TotalLost: 1}, {SSRC: 3}}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "x"}}}}},
		&rtcp.Goodbye{Sources: []uint32{1, 2}, Reason: "gone"},
		&rtcp.ApplicationDefined{SSRC: 1, Name: "name", Data: []byte{1, 2, 3, 4}},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 2, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 0xffff}}},
		&rtcp.TransportLayerCC{
			Header:     rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 5},
			SenderSSRC: 1, MediaSSRC: 2, BaseSequenceNumber: 7, PacketStatusCount: 1,
			PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{
				Type: rtcp.TypeTCCRunLengthChunk, PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 1,
			}},
			RecvDeltas: []*rtcp.RecvDelta{{Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: 250}},
		},
		&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2},
		&rtcp.SliceLossIndication{SenderSSRC: 1, MediaSSRC: 2, SLI: []rtcp.SLIEntry{{First: 1, Number: 2, Picture: 3}}},
		&rtcp.FullIntraRequest{SenderSSRC: 1, MediaSSRC: 2, FIR: []rtcp.FIREntry{{SSRC: 2, SequenceNumber: 1}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1e6, SSRCs: []uint32{2}},
		&rtcp.ExtendedReport{SenderSSRC: 1, Reports: []rtcp.ReportBlock{&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 1}}},
	}
}

// FuzzRTCPTypes puts any body behind a proper header of each type and format, so that none hides behind the checks
// of the header (row 32).
func FuzzRTCPTypes(f *testing.F) {
	for _, p := range everyRTCP() {
		raw, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw[1], raw[0]&0x1f, raw[4:])
	}
	f.Add(uint8(typeRTPFB), uint8(formatTransport), unhexSeed("00000001000000020001000e00000000200e0102"))
	f.Add(uint8(typePSFB), uint8(formatREMB), append(make([]byte, 8), 'R', 'E', 'M', 'B', 1, 0xff, 0xff, 0xff, 0, 0, 0, 2))
	f.Fuzz(func(t *testing.T, kind, format uint8, body []byte) {
		body = body[:len(body)&^3]
		if len(body) > 1400 {
			return
		}
		raw := putRTCP(append(make([]byte, 4), body...), kind, format&0x1f)
		packet, rest, ok := nextRTCP(raw)
		if !ok || len(rest) != 0 || packet.kind != kind || packet.format != format&0x1f || len(packet.body) != len(body) {
			t.Fatalf("read %d/%d of %d bytes, %v, wrote %d/%d of %d", packet.kind, packet.format, len(packet.body), ok,
				kind, format&0x1f, len(body))
		}
		counter := &feedbackCounter{}
		p := &Peer{t: &Transport{}}
		l := &Local{peer: p, rate: 90000, main: stream{ssrc: 2}}
		l.SetFeedback(counter)
		p.locals = []*Local{l}
		p.rx.budget.renew(time.Hour)
		p.report(packet, time.Hour)
		if counter.nacks > nacksPerSecond || counter.wishes > keyFrameWishesPerSecond {
			t.Fatalf("over the budget: %+v", counter)
		}
		if p.rx.stats.Estimate > 10_000_000_000 {
			t.Fatalf("an estimate of %d", p.rx.stats.Estimate)
		}
	})
}

// FuzzRecords looks at datagrams of DTLS records before and after the handshake (rows 26 and 27).
func FuzzRecords(f *testing.F) {
	f.Add([]byte{23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 'x'}, true)
	f.Add([]byte{20, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1}, true)
	f.Add([]byte{21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40}, false)
	f.Add([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 13, 11, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 7}, true)
	f.Add([]byte{22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 'x'}, true)
	f.Fuzz(func(t *testing.T, data []byte, connected bool) {
		if !plausible(data, connected) {
			return
		}
		if connected && !plausible(data, false) {
			t.Fatal("what may come afterwards may not come before")
		}
		for rest := data; len(rest) > 0; { // however it is cut, no data in the clear
			if rest[0] == 23 && rest[3] == 0 && rest[4] == 0 {
				t.Fatal("data in the clear")
			}
			rest = rest[recordHead+int(binary.BigEndian.Uint16(rest[11:])):]
		}
	})
}
