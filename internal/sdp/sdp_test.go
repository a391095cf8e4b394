package sdp

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	psdp "github.com/pion/sdp/v3"

	"github.com/proscenium-live/proscenium/internal/live"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

func mustParse(t testing.TB, raw []byte) *Offer {
	t.Helper()
	o, err := ParseOffer(raw)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestParseOffer_ReadsWhatABrowserPublishes(t *testing.T) {
	o := mustParse(t, fixture(t, "chrome_publish.sdp"))
	if o.ICE.Ufrag != "Yf8o" || o.Setup != "actpass" || len(o.Fingerprints) != 1 || o.Fingerprints[0].Algorithm != "sha-256" {
		t.Errorf("transport: %+v %q %+v", o.ICE, o.Setup, o.Fingerprints)
	}
	if fmt.Sprint(o.Bundle) != "[0 1]" || !o.ExtMapMixed || len(o.Medias) != 2 {
		t.Fatalf("bundle %v, %d sections", o.Bundle, len(o.Medias))
	}
	audio, video := o.Medias[0], o.Medias[1]
	if audio.Kind != Audio || video.Kind != Video || audio.MID != "0" || video.MID != "1" || !video.RTCPMux || video.Direction != SendOnly {
		t.Errorf("sections: %+v %+v", audio, video)
	}
	if c := audio.codec(111); c.Name != "opus" || c.Channels != 2 || Parameter(c.FMTP, "useinbandfec") != "1" || !c.HasFeedback("transport-cc") {
		t.Errorf("opus: %+v", c)
	}
	if len(video.Codecs) != 10 || len(video.SSRCs) != 2 || video.Groups[0].Semantics != "FID" || video.SSRCs[0].CNAME != "nKjzrMZR8yEXAMPL" {
		t.Errorf("video: %d codecs, ssrcs %+v, groups %+v", len(video.Codecs), video.SSRCs, video.Groups)
	}
}

// answer is the answer as a client sees it.
func answer(t testing.TB, o *Offer, sections []Section) (string, *psdp.SessionDescription) {
	t.Helper()
	a := Answer{
		Offer: o, Sections: sections, SessionID: 42, StartBitrate: 1500,
		ICE:         Credentials{Ufrag: "abcdEFGH1234", Pwd: "0123456789012345678901234567890+"},
		Fingerprint: Fingerprint{Algorithm: "sha-256", Value: strings.Repeat("AB:", 31) + "AB"},
		Candidates: []Candidate{
			{Addr: netip.MustParseAddrPort("192.0.2.1:7401")},
			{Addr: netip.MustParseAddrPort("[2001:db8::1]:7401")},
			{Addr: netip.MustParseAddrPort("192.0.2.1:7401"), TCP: true},
		},
	}
	raw, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var s psdp.SessionDescription
	if err := s.Unmarshal(raw); err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	return string(raw), &s
}

func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(text, l+"\r\n") {
			t.Errorf("the answer lacks %q:\n%s", l, text)
		}
	}
}

func hasNot(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			t.Errorf("the answer has %q:\n%s", p, text)
		}
	}
}

func TestForPublish_ChoosesConstrainedBaselineWithRetransmissions(t *testing.T) {
	o := mustParse(t, fixture(t, "chrome_publish.sdp"))
	sections, err := o.ForPublish()
	if err != nil {
		t.Fatal(err)
	}
	text, s := answer(t, o, sections)
	has(t, text,
		"a=ice-lite", "a=group:BUNDLE 0 1", "a=extmap-allow-mixed",
		"m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=video 9 UDP/TLS/RTP/SAVPF 106 107",
		"a=setup:passive", "a=recvonly", "a=rtcp-mux",
		"a=rtpmap:106 H264/90000", "a=rtpmap:107 rtx/90000", "a=fmtp:107 apt=106",
		"a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f;x-google-start-bitrate=1500",
		"a=rtcp-fb:106 nack", "a=rtcp-fb:106 nack pli", "a=rtcp-fb:106 ccm fir", "a=rtcp-fb:106 transport-cc", "a=rtcp-fb:106 goog-remb",
		"a=fmtp:111 minptime=10;useinbandfec=1", "a=rtcp-fb:111 transport-cc",
		"a=extmap:4 "+ExtMID, "a=extmap:3 "+ExtTransportCC, "a=extmap:1 "+ExtAudioLevel,
		"a=candidate:1 1 udp 2130706431 192.0.2.1 7401 typ host",
		"a=candidate:3 1 tcp 1526726143 192.0.2.1 7401 typ host tcptype passive",
		"a=end-of-candidates",
	)
	hasNot(t, text, "VP8", "a=sendonly", "stereo", "a=ssrc:")
	if n := strings.Count(text, "a=candidate:"); n != 3 {
		t.Errorf("%d candidates, want 3, in the first section only", n)
	}
	for _, m := range s.MediaDescriptions {
		for _, key := range []string{"ice-ufrag", "ice-pwd", "fingerprint", "setup", "mid"} {
			if _, ok := m.Attribute(key); !ok {
				t.Errorf("a section lacks %s", key)
			}
		}
	}
}

func TestForPublish_AcceptsWhatOBSOffers(t *testing.T) {
	o := mustParse(t, fixture(t, "obs_publish.sdp"))
	sections, err := o.ForPublish()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := answer(t, o, sections)
	has(t, text, "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1")
}

func TestForPublish_DeclinesSimulcastAndSecondTracksAndData(t *testing.T) {
	o := mustParse(t, join(head, video, strings.Replace(video, "a=mid:v", "a=mid:w", 1), data))
	o.Bundle = []string{"v", "w", "d"}
	sections, err := o.ForPublish()
	if err != nil {
		t.Fatal(err)
	}
	text, s := answer(t, o, sections)
	has(t, text, "m=video 0 UDP/TLS/RTP/SAVPF 96 97", "m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "a=group:BUNDLE v")
	hasNot(t, text, "simulcast", "a=rid")
	if len(s.MediaDescriptions) != 3 {
		t.Errorf("%d sections, want 3", len(s.MediaDescriptions))
	}
}

func TestForPublish_NeedsH264EvenForAudioAlone(t *testing.T) {
	for name, raw := range map[string][]byte{
		"audio only": join(head, audio),
		"VP8 only":   join(head, strings.ReplaceAll(video, "H264", "VP8"), audio),
		"high 4:4:4": join(head, strings.ReplaceAll(video, "42e01f", "f4001f"), audio),
	} {
		_, err := mustParse(t, raw).ForPublish()
		if live.ReasonOf(err) != live.UnsupportedCodec || live.KindOf(err) != live.Unsupported {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// the section is enough: nothing need be sent on it
	sections, err := mustParse(t, join(head, strings.Replace(video, "sendonly", "inactive", 1), audio)).ForPublish()
	if err != nil || sections[0].Accepted || !sections[1].Accepted {
		t.Errorf("audio with a silent video section: %v", err)
	}
}

func TestForPublish_RefusesWhatCannotFlow(t *testing.T) {
	for name, raw := range map[string][]byte{
		"receives only": join(head, strings.Replace(video, "sendonly", "recvonly", 1)),
		"no mux":        join(head, strings.Replace(video, "a=rtcp-mux\n", "", 1)),
		"plain RTP":     join(head, strings.Replace(video, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1)),
	} {
		if _, err := mustParse(t, raw).ForPublish(); live.ReasonOf(err) != live.InvalidOffer {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestForSubscribe_SendsWhatThePublisherHas(t *testing.T) {
	o := mustParse(t, fixture(t, "chrome_subscribe.sdp"))
	tracks := []Wanted{{Kind: Audio}, {Kind: Video, FMTP: "profile-level-id=42001f;packetization-mode=1"}}
	sections, err := o.ForSubscribe(tracks)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sections {
		if s := &sections[i]; s.Accepted {
			s.SSRC, s.CNAME, s.Stream, s.Track = uint32(100+i), "name", "stream", string(s.Offered.Kind)
			if s.RTX != nil {
				s.RTXSSRC = uint32(200 + i)
			}
		}
	}
	text, _ := answer(t, o, sections)
	has(t, text, "a=sendonly", "m=video 9 UDP/TLS/RTP/SAVPF 102 103", // the publisher's profile, though another is liked better
		"a=ssrc-group:FID 101 201", "a=ssrc:101 cname:name", "a=ssrc:201 msid:stream video", "a=msid:stream audio", "a=ssrc:100 cname:name")
	hasNot(t, text, "x-google", "abs-send-time")

	sections, err = o.ForSubscribe(tracks[:1])
	if err != nil {
		t.Fatal(err)
	}
	text, _ = answer(t, o, sections)
	has(t, text, "m=video 0 UDP/TLS/RTP/SAVPF 96 97 102 103 106 107", "a=group:BUNDLE 0")
}

func TestForSubscribe_NamesTheReason(t *testing.T) {
	tracks := []Wanted{{Kind: Video, FMTP: "packetization-mode=1;profile-level-id=42e01f"}}
	recv := strings.Replace(video, "sendonly", "recvonly", 1)
	_, err := mustParse(t, join(head, strings.ReplaceAll(recv, "H264", "VP8"))).ForSubscribe(tracks)
	if live.ReasonOf(err) != live.UnsupportedCodec {
		t.Errorf("VP8 only: got %v", err)
	}
	_, err = mustParse(t, join(head, video)).ForSubscribe(tracks)
	if live.ReasonOf(err) != live.InvalidOffer {
		t.Errorf("sends only: got %v", err)
	}
}

const head = `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA
a=setup:actpass
a=group:BUNDLE v a
`

const video = `m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:v
a=sendonly
a=rtcp-mux
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=42e01f
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rid:h send
a=rid:l send
a=simulcast:send h;l
`

const audio = `m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:a
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
`

const data = `m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:d
a=sctp-port:5000
`

func join(parts ...string) []byte {
	return []byte(strings.ReplaceAll(strings.Join(parts, ""), "\n", "\r\n"))
}

// hostile lists offers that must be refused (row 14).
func hostile() map[string][]byte {
	lines := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	types := make([]string, 300)
	for i := range types {
		types[i] = fmt.Sprint(i % 128)
	}
	replace := func(from, to string) []byte {
		return join(strings.Replace(head, from, to, 1), video)
	}
	return map[string][]byte{
		"empty":               nil,
		"1 MB":                append(join(head, video), bytes.Repeat([]byte("a=x\r\n"), 200_000)...),
		"256 KiB of lines":    append(join(head, video), bytes.Repeat([]byte("a=x\r\n"), 50_000)...),
		"one endless line":    append(join(head, video), bytes.Repeat([]byte("a"), 200_000)...),
		"10000 sections":      join(head, lines(10_000, "m=audio 9 RTP/AVP %d\n")),
		"33 sections":         join(head, lines(33, "m=audio 9 RTP/AVP 0\na=mid:%d\n")),
		"10000 candidates":    join(head, video, lines(10_000, "a=candidate:%d 1\n")),
		"257 candidates":      join(head, video, lines(257, "a=candidate:%d 1 udp 1 10.0.0.1 9 typ host\n")),
		"10000 ssrcs":         join(head, video, lines(10_000, "a=ssrc:%d cname:x\n")),
		"65 ssrcs":            join(head, video, lines(65, "a=ssrc:%d cname:x\n")),
		"9 rids":              join(head, video, lines(9, "a=rid:%d send\n")),
		"300 payload types":   join(head, strings.Replace(video, "96 97", strings.Join(types, " "), 1)),
		"65 extensions":       join(head, video, lines(65, "a=extmap:1%d urn:x\n")),
		"2000 feedbacks":      join(head, video, lines(2000, "a=rtcp-fb:96 x%d\n")),
		"9 fingerprints":      join(head, video, lines(9, "a=fingerprint:sha-256 "+strings.Repeat("AA:", 31)+"A%d\n")),
		"line without CRLF":   []byte("v=0 o=- 1 1 IN IP4 127.0.0.1"),
		"NUL":                 replace("a=setup", "a=\x00\na=setup"),
		"duplicate mid":       join(head, video, strings.Replace(audio, "a=mid:a", "a=mid:v", 1)),
		"duplicate rid":       join(head, video, "a=rid:h send\n"),
		"duplicate ssrc":      join(head, video, "a=ssrc:7 cname:x\n", audio, "a=ssrc:7 cname:x\n"),
		"duplicate type":      join(head, strings.Replace(video, "96 97", "96 96", 1)),
		"payload type 128":    join(head, strings.Replace(video, "96 97", "96 128", 1)),
		"payload type -1":     join(head, strings.Replace(video, "96 97", "96 -1", 1)),
		"malformed rtpmap":    join(head, strings.Replace(video, "H264/90000", "H264", 1)),
		"clock of 10^12":      join(head, strings.Replace(video, "H264/90000", "H264/1000000000000", 1)),
		"malformed ssrc":      join(head, video, "a=ssrc:x cname:y\n"),
		"malformed group":     join(head, video, "a=ssrc-group:FID 1 99999999999\n"),
		"malformed extension": join(head, video, "a=extmap:0 urn:x\n"),
		"same extension id":   join(head, video, "a=extmap:1 urn:x\na=extmap:1 urn:y\n"),
		"mid with a blank":    join(head, strings.Replace(video, "a=mid:v", "a=mid:v w", 1)),
		"no section":          join(head),
		"no ufrag":            replace("a=ice-ufrag:abcd\n", ""),
		"short pwd":           replace("0123456789012345678901", "0123"),
		"ufrag with a quote":  replace("a=ice-ufrag:abcd", "a=ice-ufrag:ab\"cd"),
		"no fingerprint":      replace("a=fingerprint:sha-256", "a=x:sha-256"),
		"sha-1 fingerprint":   replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
		"short fingerprint":   replace("sha-256 AA:AA", "sha-256 AA"),
		"fingerprint no hex":  replace("sha-256 AA:AA", "sha-256 AA:GG"),
		"setup passive":       replace("actpass", "passive"),
		"setup nonsense":      replace("actpass", "<script>"),
	}
}

// Row 14: hostile offers are refused within 20 ms.
func TestParseOffer_RefusesHostileOffers_Row14(t *testing.T) {
	for name, raw := range hostile() {
		t.Run(name, func(t *testing.T) {
			best := time.Hour // of three: the machine may be busy
			for range 3 {
				start := time.Now()
				_, err := ParseOffer(raw)
				best = min(best, time.Since(start))
				if reason := live.ReasonOf(err); reason != live.InvalidOffer && reason != live.BodyTooLarge {
					t.Fatalf("got %v", err)
				}
				if len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\x00\r\n") {
					t.Fatalf("message %q", err.Error())
				}
			}
			if best > 20*time.Millisecond {
				t.Errorf("took %v", best)
			}
		})
	}
}

// Row 14: the largest offer inside the caps is quick as well.
func TestParseOffer_IsQuickAtTheCaps_Row14(t *testing.T) {
	var b strings.Builder
	b.WriteString(strings.Replace(head, "BUNDLE v a", "BUNDLE 0", 1))
	for i := range maxMedias {
		b.WriteString(strings.Replace(video, "a=mid:v", fmt.Sprintf("a=mid:%d", i), 1))
		for j := range 8 {
			fmt.Fprintf(&b, "a=candidate:%d 1 udp 1 10.0.0.1 9 typ host\na=ssrc:%d cname:x\na=extmap:%d urn:%d\n", j, i*100+j, j+1, j)
		}
		for b.Len() < MaxOffer*9/10*(i+1)/maxMedias {
			b.WriteString("a=ignored:" + strings.Repeat("x", 600) + "\n")
		}
	}
	raw := join(b.String())
	best := time.Hour
	for range 3 {
		start := time.Now()
		o := mustParse(t, raw)
		if _, err := o.ForPublish(); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	if best > 20*time.Millisecond {
		t.Errorf("%d bytes took %v", len(raw), best)
	}
}

func TestParseFragment(t *testing.T) {
	f, err := ParseFragment(join("a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\nm=audio 9 RTP/AVP 0\na=mid:0\n" +
		"a=candidate:1 1 udp 1 10.0.0.1 9 typ host\na=candidate:2 1 udp 1 10.0.0.2 9 typ host\na=end-of-candidates\n"))
	if err != nil || f.ICE.Ufrag != "abcd" || f.Candidates != 2 || !f.EndOfCandidates {
		t.Fatalf("%+v, %v", f, err)
	}
	for name, raw := range map[string]string{
		"two sets":       "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=ice-ufrag:efgh\n",
		"half a set":     "a=ice-ufrag:abcd\n",
		"no SDP":         "hello\n",
		"too many":       strings.Repeat("a=candidate:1\n", 257),
		"too long":       strings.Repeat("a=x\n", 20_000),
		"NUL":            "a=\x00\n",
		"malformed pwd":  "a=ice-ufrag:abcd\na=ice-pwd:short\n",
		"one long line":  "a=" + strings.Repeat("x", 5000),
		"too many lines": strings.Repeat("a=\n", 5000),
	} {
		if _, err := ParseFragment(join(raw)); live.KindOf(err) != live.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	raw := FragmentAnswer("0", Credentials{Ufrag: "wxyz", Pwd: "0123456789012345678901"}, []Candidate{{Addr: netip.MustParseAddrPort("192.0.2.1:1")}})
	if f, err := ParseFragment(raw); err != nil || f.ICE.Ufrag != "wxyz" || f.Candidates != 1 || !f.EndOfCandidates {
		t.Fatalf("our own answer: %+v, %v", f, err)
	}
}

func FuzzParseOffer(f *testing.F) {
	for _, name := range []string{"chrome_publish.sdp", "obs_publish.sdp", "chrome_subscribe.sdp"} {
		f.Add(fixture(f, name))
	}
	for _, raw := range hostile() {
		if len(raw) < 4096 {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := ParseOffer(raw)
		if err != nil {
			if live.KindOf(err) != live.Invalid {
				t.Fatalf("an error of the wrong kind: %v", err)
			}
			return
		}
		if sections, err := o.ForPublish(); err == nil {
			answer(t, o, sections)
		}
		if sections, err := o.ForSubscribe([]Wanted{{Kind: Audio}, {Kind: Video, FMTP: "profile-level-id=42e01f"}}); err == nil {
			answer(t, o, sections)
		}
	})
}

func FuzzParseFragment(f *testing.F) {
	f.Add(join("a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\nm=audio 9 RTP/AVP 0\na=mid:0\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\n"))
	f.Add([]byte("a=end-of-candidates"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := ParseFragment(raw); err != nil && live.KindOf(err) != live.Invalid {
			t.Fatalf("an error of the wrong kind: %v", err)
		}
	})
}
