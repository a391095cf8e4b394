package load

import (
	"net/netip"
	"strings"
	"testing"
)

const sampleAnswer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\n" +
	"a=ice-ufrag:uf\r\na=ice-pwd:pw\r\na=fingerprint:sha-256 ab:CD\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 106 107\r\na=mid:0\r\na=rtpmap:106 H264/90000\r\na=rtpmap:107 rtx/90000\r\n" +
	"a=extmap:3 " + uriTWCC + "\r\na=ssrc-group:FID 11 12\r\na=ssrc:11 cname:x\r\na=ssrc:12 cname:x\r\n" +
	"a=candidate:1 1 tcp 5 127.0.0.1 7401 typ host tcptype passive\r\na=candidate:1 1 udp 9 127.0.0.1 7402 typ host\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:13 cname:x\r\n"

func TestParseAnswer_ReadsWhatTheTransportNeeds(t *testing.T) {
	a, err := parseAnswer(sampleAnswer)
	if err != nil {
		t.Fatal(err)
	}
	if a.ufrag != "uf" || a.pwd != "pw" || a.fingerprint != "AB:CD" || a.candidate != netip.MustParseAddrPort("127.0.0.1:7402") {
		t.Errorf("got %+v", a)
	}
	want := []flow{
		{kind: "video", ssrc: 11, rtx: 12, payload: 106, rtxType: 107, twcc: 3}, {kind: "audio", ssrc: 13, payload: 111},
	}
	if len(a.flows) != 2 || a.flows[0] != want[0] || a.flows[1] != want[1] {
		t.Errorf("flows %+v, want %+v", a.flows, want)
	}
}

func TestParseAnswer_NamesWhatIsMissing(t *testing.T) {
	for drop, want := range map[string]string{
		"a=ice-pwd:pw": "credentials", "a=fingerprint:sha-256 ab:CD": "fingerprint", " udp ": "candidate",
	} {
		_, err := parseAnswer(strings.Replace(sampleAnswer, drop, " x ", 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %q: %v, want a word on the %s", drop, err, want)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(sampleAnswer)
	f.Add("a=candidate:1 1 udp 9 ::1 7402 typ host\nm=video\na=ssrc-group:FID 1\n")
	f.Add(offerSDP("u", "p", "f", true, []flow{{kind: "video", ssrc: 1, rtx: 2}, {kind: "audio", ssrc: 3}}))
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseAnswer(text) })
}
