package load

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

const (
	payloadH264 = 106
	payloadRTX  = 107
	payloadOpus = 111

	extTWCC = 3
	uriTWCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

	maxAnswer = 64 << 10 // bytes of an answer that are looked at
	maxSSRCs  = 16       // distinct streams of a section
)

// flow names the RTP streams of one medium: ours in an offer to send, theirs in an answer.
type flow struct {
	kind      string // "audio" or "video"
	ssrc, rtx uint32 // 0: not told
	payload   uint8
	rtxType   uint8 // 0: none
	twcc      uint8 // id of the TWCC extension, 0: none
}

// offerSDP writes an offer of the flows. Sending ones have an ssrc.
func offerSDP(ufrag, pwd, fingerprint string, send bool, flows []flow) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("v=0")
	line("o=- 1 1 IN IP4 127.0.0.1")
	line("s=-")
	line("t=0 0")
	mids := make([]string, len(flows))
	for i := range flows {
		mids[i] = strconv.Itoa(i)
	}
	line("a=group:BUNDLE %s", strings.Join(mids, " "))
	for i, f := range flows {
		if f.kind == "video" {
			line("m=video 9 UDP/TLS/RTP/SAVPF %d %d", payloadH264, payloadRTX)
		} else {
			line("m=audio 9 UDP/TLS/RTP/SAVPF %d", payloadOpus)
		}
		line("c=IN IP4 0.0.0.0")
		line("a=mid:%d", i)
		line("a=ice-ufrag:%s", ufrag)
		line("a=ice-pwd:%s", pwd)
		line("a=fingerprint:sha-256 %s", fingerprint)
		line("a=setup:actpass")
		line("a=rtcp-mux")
		line("a=rtcp-rsize")
		line("a=extmap:%d %s", extTWCC, uriTWCC)
		if send {
			line("a=sendonly")
			line("a=msid:load %s", f.kind)
		} else {
			line("a=recvonly")
		}
		if f.kind == "video" {
			line("a=rtpmap:%d H264/90000", payloadH264)
			line("a=fmtp:%d level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", payloadH264)
			line("a=rtcp-fb:%d transport-cc", payloadH264)
			line("a=rtcp-fb:%d ccm fir", payloadH264)
			line("a=rtcp-fb:%d nack", payloadH264)
			line("a=rtcp-fb:%d nack pli", payloadH264)
			line("a=rtpmap:%d rtx/90000", payloadRTX)
			line("a=fmtp:%d apt=%d", payloadRTX, payloadH264)
		} else {
			line("a=rtpmap:%d opus/48000/2", payloadOpus)
			line("a=fmtp:%d minptime=10;useinbandfec=1", payloadOpus)
			line("a=rtcp-fb:%d transport-cc", payloadOpus)
		}
		if send && f.rtx != 0 {
			line("a=ssrc-group:FID %d %d", f.ssrc, f.rtx)
			line("a=ssrc:%d cname:load", f.ssrc)
			line("a=ssrc:%d cname:load", f.rtx)
		} else if send {
			line("a=ssrc:%d cname:load", f.ssrc)
		}
	}
	return b.String()
}

// answer is what an SDP answer says that matters here.
type answer struct {
	ufrag, pwd  string
	fingerprint string // of sha-256, "AB:CD:…"
	candidate   netip.AddrPort
	flows       []flow
}

// parseAnswer reads an answer.
func parseAnswer(text string) (answer, error) {
	if len(text) > maxAnswer {
		return answer{}, fmt.Errorf("answer is %d bytes long, the limit is %d", len(text), maxAnswer)
	}
	var a answer
	var f *flow
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m, ok := strings.CutPrefix(line, "m="); ok {
			if len(a.flows) == maxSSRCs {
				return answer{}, fmt.Errorf("answer has more than %d sections", maxSSRCs)
			}
			kind, _, _ := strings.Cut(m, " ")
			a.flows = append(a.flows, flow{kind: kind})
			f = &a.flows[len(a.flows)-1]
			continue
		}
		if !strings.HasPrefix(line, "a=") {
			continue
		}
		name, value, _ := strings.Cut(line[2:], ":")
		a.session(name, value)
		if f != nil {
			f.attribute(name, value)
		}
	}
	switch {
	case a.ufrag == "" || a.pwd == "":
		return answer{}, errors.New("answer has no ICE credentials")
	case a.fingerprint == "":
		return answer{}, errors.New("answer has no sha-256 fingerprint")
	case !a.candidate.IsValid():
		return answer{}, errors.New("answer has no UDP candidate")
	}
	return a, nil
}

func (a *answer) session(name, value string) {
	switch name {
	case "ice-ufrag":
		a.ufrag = value
	case "ice-pwd":
		a.pwd = value
	case "fingerprint":
		if hash, value, ok := strings.Cut(value, " "); ok && strings.EqualFold(hash, "sha-256") {
			a.fingerprint = strings.ToUpper(value)
		}
	case "candidate":
		// foundation component transport priority address port "typ" …
		p := strings.Fields(value)
		if len(p) < 8 || a.candidate.IsValid() || p[1] != "1" || !strings.EqualFold(p[2], "udp") {
			return
		}
		ip, err := netip.ParseAddr(p[4])
		port, err2 := strconv.ParseUint(p[5], 10, 16)
		if err == nil && err2 == nil {
			a.candidate = netip.AddrPortFrom(ip, uint16(port))
		}
	}
}

func (f *flow) attribute(name, value string) {
	head, rest, _ := strings.Cut(value, " ")
	switch name {
	case "rtpmap":
		pt, err := strconv.ParseUint(head, 10, 7)
		codec, _, _ := strings.Cut(strings.ToLower(rest), "/")
		switch {
		case err != nil:
		case codec == "rtx":
			f.rtxType = uint8(pt)
		case f.payload == 0 && (codec == "h264" || codec == "opus"):
			f.payload = uint8(pt)
		}
	case "extmap":
		id, _, _ := strings.Cut(head, "/")
		if n, err := strconv.ParseUint(id, 10, 4); err == nil && rest == uriTWCC {
			f.twcc = uint8(n)
		}
	case "ssrc-group":
		if ids := strings.Fields(rest); head == "FID" && len(ids) == 2 {
			f.ssrc, f.rtx = ssrcOf(ids[0]), ssrcOf(ids[1])
		}
	case "ssrc":
		if f.ssrc == 0 {
			f.ssrc = ssrcOf(head)
		}
	}
}

func ssrcOf(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
