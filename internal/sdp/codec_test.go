package sdp

import (
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/live"
)

// videoOffer is an offer of one video section with the formats, each "number name/rate fmtp", in this order.
func videoOffer(t testing.TB, direction string, formats ...string) *Offer {
	t.Helper()
	return mustParse(t, []byte(section("video", direction, formats...)))
}

func section(kind, direction string, formats ...string) string {
	var numbers []string
	lines := ""
	for _, f := range formats {
		part := strings.SplitN(f, " ", 3)
		numbers = append(numbers, part[0])
		lines += "a=rtpmap:" + part[0] + " " + part[1] + "\r\na=rtcp-fb:" + part[0] + " nack\r\n"
		if len(part) == 3 {
			lines += "a=fmtp:" + part[0] + " " + part[2] + "\r\n"
		}
	}
	return "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
		"a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n" +
		"a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n" +
		"m=" + kind + " 9 UDP/TLS/RTP/SAVPF " + strings.Join(numbers, " ") + "\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n" +
		"a=" + direction + "\r\n" + lines
}

const (
	fVP8     = "96 VP8/90000"
	fVP9     = "98 VP9/90000 profile-id=0"
	fVP9deep = "100 VP9/90000 profile-id=2"
	fAV1     = "45 AV1/90000 level-idx=5;profile=0;tier=0"
	fH265    = "49 H265/90000 level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST"
	fH264    = "106 H264/90000 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
)

func TestForPublish_ChoosesTheFirstCodecOfTheSettings(t *testing.T) {
	for _, c := range []struct {
		name    string
		setting []string
		offered []string
		want    uint8
		fmtp    string
	}{
		{"H.264 though it comes last", Videos, []string{fVP8, fVP9, fAV1, fH264}, 106, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
		{"VP8 alone", Videos, []string{fVP8}, 96, ""},
		{"usual profile of VP9", Videos, []string{fVP9deep, fVP9}, 98, "profile-id=0"},
		{"other profile of VP9", Videos, []string{fVP9deep}, 100, "profile-id=2"},
		{"AV1", []string{"AV1", "H264"}, []string{fH264, fAV1}, 45, "level-idx=5;profile=0;tier=0"},
		{"H.265", Videos, []string{fH265}, 49, "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST"},
	} {
		sections, err := videoOffer(t, "sendonly", c.offered...).ForPublish(c.setting...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := sections[0].Codec; got.PayloadType != c.want || got.FMTP != c.fmtp || !got.HasFeedback("nack") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// media-features.md 6.2 and 7.4.
func TestForPublish_RefusesOtherCodecsAndNamesBothSides(t *testing.T) {
	_, err := videoOffer(t, "sendonly", fVP8, fVP9).ForPublish("H264")
	if live.ReasonOf(err) != live.UnsupportedCodec || live.EventCodeOf(err) != live.InvalidVideoCodec ||
		!strings.Contains(err.Error(), "H264") || !strings.Contains(err.Error(), "VP8, VP9") || !strings.Contains(err.Error(), "limits.codecs") {
		t.Errorf("video: %v", err)
	}
	both := section("audio", "sendonly", "0 PCMU/8000") + "m=video 9 UDP/TLS/RTP/SAVPF 106\r\na=mid:1\r\na=rtcp-mux\r\na=sendonly\r\na=rtpmap:106 H264/90000\r\n"
	_, err = mustParse(t, []byte(both)).ForPublish()
	if live.ReasonOf(err) != live.UnsupportedCodec || live.EventCodeOf(err) != live.InvalidAudioCodec || !strings.Contains(err.Error(), "PCMU") {
		t.Errorf("audio: %v", err)
	}
}

func TestForSubscribe_AnswersWithThePublishersCodec(t *testing.T) {
	all := []string{fH264, fVP8, fVP9deep, fVP9, fAV1, fH265}
	for _, c := range []struct {
		wanted  Wanted
		offered []string
		want    uint8 // 0: refused
		says    string
	}{
		{Wanted{Name: "VP8"}, all, 96, ""},
		{Wanted{Name: "vp9", FMTP: "profile-id=0"}, all, 98, ""},
		{Wanted{Name: "VP9"}, all, 98, ""},
		{Wanted{Name: "VP9", FMTP: "profile-id=2"}, all, 100, ""},
		{Wanted{Name: "AV1"}, all, 45, ""},
		{Wanted{Name: "H265", FMTP: "profile-id=1;level-id=120"}, all, 49, ""},
		{Wanted{Name: "H264", FMTP: "profile-level-id=4d001f"}, all, 106, ""},
		{Wanted{}, all, 106, ""},
		{Wanted{Name: "VP9", FMTP: "profile-id=2"}, []string{fVP9, fH264}, 0, "the publisher sends VP9 (profile-id=2), the offer can take: VP9, H264"},
		{Wanted{Name: "VP8"}, []string{fH264}, 0, "the publisher sends VP8, the offer can take: H264"},
		{Wanted{Name: "H264"}, []string{fAV1}, 0, "the publisher sends H264, the offer can take: AV1"},
	} {
		c.wanted.Kind = Video
		sections, err := videoOffer(t, "recvonly", c.offered...).ForSubscribe([]Wanted{c.wanted})
		if c.want == 0 {
			if live.ReasonOf(err) != live.UnsupportedCodec || live.EventCodeOf(err) != live.InvalidVideoCodec || err.Error() != c.says {
				t.Errorf("%+v: %v", c.wanted, err)
			}
			continue
		}
		if err != nil || sections[0].Codec.PayloadType != c.want {
			t.Errorf("%+v: %v", c.wanted, err)
		}
	}
}

// RFC 2198: redundancy is used where both sides agree, and the sender prefers it.
func TestNegotiate_RedundantSound(t *testing.T) {
	const opus, red = "111 opus/48000/2 minptime=10;useinbandfec=1", "63 red/48000/2 111/111"
	video := "m=video 9 UDP/TLS/RTP/SAVPF 106\r\na=mid:1\r\na=rtcp-mux\r\na=%s\r\na=rtpmap:106 H264/90000\r\n"
	offer := func(direction string, formats ...string) *Offer {
		return mustParse(t, []byte(section("audio", direction, formats...)+strings.ReplaceAll(video, "%s", direction)))
	}
	for name, c := range map[string]struct {
		formats []string
		red     uint8
	}{
		"preferred":         {[]string{red, opus}, 63},
		"not preferred":     {[]string{opus, red}, 0},
		"of another number": {[]string{"63 red/48000/2 112/112", opus}, 0},
		"malformed":         {[]string{"63 red/48000/2 111/x", opus}, 0},
	} {
		o := offer("sendonly", c.formats...)
		sections, err := o.ForPublish()
		if err != nil {
			t.Fatal(err)
		}
		if got := sections[0].RED; c.red == 0 && got != nil || c.red != 0 && (got == nil || got.PayloadType != c.red) {
			t.Errorf("published, %s: %+v", name, got)
		}
		if text, _ := answer(t, o, sections); c.red != 0 {
			has(t, text, "m=audio 9 UDP/TLS/RTP/SAVPF 63 111", "a=fmtp:63 111/111", "a=rtpmap:63 red/48000/2")
		}
	}
	for name, c := range map[string]struct {
		formats []string
		blocks  uint8
		red     uint8
	}{
		"both":                {[]string{opus, red}, 111, 63},
		"plain publisher":     {[]string{opus, red}, 0, 0},
		"plain viewer":        {[]string{opus}, 111, 0},
		"viewer numbers else": {[]string{"109 opus/48000/2", "63 red/48000/2 109/109"}, 111, 0},
	} {
		sections, err := offer("recvonly", c.formats...).ForSubscribe([]Wanted{{Kind: Audio, RED: c.blocks}})
		if err != nil {
			t.Fatal(err)
		}
		if got := sections[0].RED; c.red == 0 && got != nil || c.red != 0 && (got == nil || got.PayloadType != c.red) {
			t.Errorf("watched, %s: %+v", name, got)
		}
	}
}

// RFC 7587 section 6.1: forward error correction is always wanted, stereo where it is sent.
func TestNegotiate_OpusParameters(t *testing.T) {
	for offered, want := range map[string]string{
		"minptime=10;useinbandfec=1":                         "minptime=10;useinbandfec=1",
		"minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1": "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1",
		"useinbandfec=1;sprop-stereo=1":                      "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1",
	} {
		text := section("audio", "sendrecv", "111 opus/48000/2 "+offered)
		sections, err := mustParse(t, []byte(text)).ForSubscribe([]Wanted{{Kind: Audio}})
		if err != nil || sections[0].Codec.FMTP != want {
			t.Errorf("%s: %+v, %v", offered, sections, err)
		}
	}
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		a, aFMTP, b, bFMTP string
		want               bool
	}{
		{"H264", "profile-level-id=42e01f", "h264", "profile-level-id=640028", true},
		{"VP9", "", "VP9", "profile-id=0", true},
		{"VP9", "profile-id=2", "VP9", "", false},
		{"VP8", "", "VP9", "", false},
		{"VP8", "x=1", "VP8", "", true},
	} {
		if Alike(c.a, c.aFMTP, c.b, c.bFMTP) != c.want {
			t.Errorf("%+v", c)
		}
	}
}
