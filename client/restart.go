package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pion/webrtc/v4"
)

// restart does an ICE restart by PATCH: our new credentials and candidates go out as a fragment, the server's
// come back as one, and are put in the place of the old ones in its answer.
func (s *mediaSession) restart(ctx context.Context) error {
	s.mu.Lock()
	pc, location, etag, answer := s.pc, s.location, s.etag, s.answer
	s.mu.Unlock()
	if pc == nil || location == "" {
		return errors.New("restart: session is over or reconnecting")
	}
	offer, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		return fmt.Errorf("restart: create offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("restart: set offer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return fmt.Errorf("restart: %w", ctx.Err())
	}
	got, tag, err := patchAt(ctx, s.p.http, s.p.bearer(), location, "*", fragmentOf(pc.LocalDescription().SDP))
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	renewed, err := withFragment(answer, got)
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: renewed})
	if err != nil {
		return fmt.Errorf("restart: set answer: %w", err)
	}
	if tag == "" {
		tag = etag
	}
	s.mu.Lock()
	s.answer, s.etag = renewed, tag
	s.mu.Unlock()
	return nil
}

// fragmentOf takes credentials and candidates of the first media section, which stands for the bundle, out of a
// description (RFC 8840 section 9).
func fragmentOf(description string) string {
	var b strings.Builder
	sections := 0
	for line := range strings.Lines(description) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "m=") {
			if sections++; sections > 1 {
				break
			}
		}
		if strings.HasPrefix(line, "m=") || isICE(line) || strings.HasPrefix(line, "a=mid:") {
			b.WriteString(line + "\r\n")
		}
	}
	return b.String()
}

func isICE(line string) bool {
	for _, p := range []string{"a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

// withFragment puts a fragment's credentials in the place of those of an answer, everywhere, and its
// candidates, if it has any, in the place of the old ones.
func withFragment(answer, fragment string) (string, error) {
	var ufrag, pwd string
	var candidates []string
	for line := range strings.Lines(fragment) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			ufrag = line
		case strings.HasPrefix(line, "a=ice-pwd:"):
			pwd = line
		case strings.HasPrefix(line, "a=candidate:"):
			candidates = append(candidates, line)
		}
	}
	if ufrag == "" || pwd == "" {
		return "", errors.New("server's fragment has no ICE credentials")
	}
	var b strings.Builder
	written := len(candidates) == 0
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			line = ufrag
		case strings.HasPrefix(line, "a=ice-pwd:"):
			line = pwd
		case strings.HasPrefix(line, "a=candidate:") && len(candidates) > 0:
			if written {
				continue
			}
			line, written = strings.Join(candidates, "\r\n"), true
		}
		b.WriteString(line + "\r\n")
	}
	return b.String(), nil
}

func (s *mediaSession) stats() webrtc.StatsReport {
	pc := s.peer()
	if pc == nil {
		return nil
	}
	return pc.GetStats()
}
