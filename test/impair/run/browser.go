package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/client"
	"github.com/proscenium-live/proscenium/internal/demo/loop"
	"github.com/proscenium-live/proscenium/test/impair"
)

// browserNames are the conditions that a Chromium is put under, one after another.
var browserNames = map[string]bool{
	"viewer/loss1/rtt50": true, "viewer/loss5/rtt100": true, "viewer/loss10/rtt200": true, "viewer/drop": true,
}

// job is what test/browser/impair.mjs is told.
type job struct {
	Origin     string `json:"origin"`
	URL        string `json:"url"`
	Token      string `json:"token"`
	Relay      string `json:"relay"`
	Recovery   bool   `json:"recovery"`
	TargetMS   int64  `json:"targetMs"` // of jitterBufferTarget; 0: the browser decides
	SettleMS   int64  `json:"settleMs"`
	DurationMS int64  `json:"durationMs"`
}

// inbound is what we read of a browser's RTCInboundRtpStreamStats.
type inbound struct {
	FramesDecoded        float64 `json:"framesDecoded"`
	FramesDropped        float64 `json:"framesDropped"`
	FreezeCount          float64 `json:"freezeCount"`
	TotalFreezesDuration float64 `json:"totalFreezesDuration"` // seconds
	JitterBufferDelay    float64 `json:"jitterBufferDelay"`    // seconds, of all that was emitted
	JitterBufferEmitted  float64 `json:"jitterBufferEmittedCount"`
	PacketsReceived      float64 `json:"packetsReceived"`
	PacketsLost          float64 `json:"packetsLost"`
	Retransmitted        float64 `json:"retransmittedPacketsReceived"`
	NackCount            float64 `json:"nackCount"`
	PLICount             float64 `json:"pliCount"`
	BytesReceived        float64 `json:"bytesReceived"`
	ConcealedSamples     float64 `json:"concealedSamples"`
	SilentConcealed      float64 `json:"silentConcealedSamples"`
	TotalSamplesReceived float64 `json:"totalSamplesReceived"`
	FECReceived          float64 `json:"fecPacketsReceived"`
	FrameHeight          float64 `json:"frameHeight"`
}

// browserResult is what a Chromium says of a line.
type browserResult struct {
	Name     string  `json:"name"`
	Recovery bool    `json:"recovery"`
	TargetMS int64   `json:"jitterBufferTargetMs,omitempty"` // that the page has set
	Seconds  float64 `json:"seconds"`

	FramesDecoded  float64 `json:"framesDecoded"`
	FramesSent     float64 `json:"framesSent"`
	Freezes        float64 `json:"freezeCount"`
	FrozenSeconds  float64 `json:"totalFreezesDuration"`
	JitterBufferMS float64 `json:"meanJitterBufferDelayMs"`
	PacketsLost    float64 `json:"packetsLost"`
	Retransmitted  float64 `json:"retransmittedPacketsReceived"`
	Nacks          float64 `json:"nackCount"`
	PLIs           float64 `json:"pliCount"`
	Concealed      float64 `json:"concealedShare"` // of the audio samples

	Samples json.RawMessage `json:"samples"` // one each second
	Heights []int           `json:"heights"` // of the picture, one each second

	Up   impair.Counts `json:"up"`
	Down impair.Counts `json:"down"`
}

// playBrowser measures one scenario with a Chromium as its viewer. A target is how much the page has it buffer.
func playBrowser(ctx context.Context, o *options, s *server, c *scenario, material []*loop.Loop, recovery bool, target time.Duration) (browserResult, error) {
	l, err := openLine(ctx, s, c)
	if err != nil {
		return browserResult{}, err
	}
	defer l.close()
	p, err := publish(ctx, l.publishToken, material, http.DefaultTransport, recovery)
	if err != nil {
		return browserResult{}, err
	}
	defer p.stop(context.WithoutCancel(ctx))
	claims, err := client.ParseToken(l.watchToken)
	if err != nil {
		return browserResult{}, err
	}
	told, err := json.Marshal(job{
		Origin: s.url, URL: strings.TrimRight(claims.WHIPURL, "/") + "/subscribe/" + p.who.ID(), Token: l.watchToken,
		Relay: l.relay.Addr().String(), Recovery: recovery, TargetMS: target.Milliseconds(),
		SettleMS: settle.Milliseconds(), DurationMS: c.Duration.Milliseconds(),
	})
	if err != nil {
		return browserResult{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Duration+2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", o.browser, string(told)) //nolint:gosec // the operator names the program
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return browserResult{}, err
	}
	if err := cmd.Start(); err != nil {
		return browserResult{}, fmt.Errorf("start node: %w", err)
	}
	last := ""
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if strings.TrimSpace(line) == "ready" {
			l.relay.Play()
		} else if line != "" {
			last = line
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		return browserResult{}, fmt.Errorf("browser: %w: %s", err, complaints.String())
	}
	r, err := readStats(last)
	if err != nil {
		return browserResult{}, err
	}
	r.Name, r.Recovery, r.Seconds, r.TargetMS = c.Name, recovery, c.Duration.Seconds(), target.Milliseconds()
	r.FramesSent = c.Duration.Seconds() * loop.FrameRate
	r.Up, r.Down = l.relay.Counts()
	return r, nil
}

func readStats(line string) (browserResult, error) {
	var told struct {
		Before, After struct{ Video, Audio inbound }
		Samples       json.RawMessage
	}
	if err := json.Unmarshal([]byte(line), &told); err != nil {
		return browserResult{}, fmt.Errorf("the browser's statistics: %w", err)
	}
	var heights []struct{ Height float64 }
	if err := json.Unmarshal(told.Samples, &heights); err != nil {
		return browserResult{}, fmt.Errorf("the browser's samples: %w", err)
	}
	a, b := told.Before.Video, told.After.Video
	if b.FramesDecoded == 0 {
		return browserResult{}, errors.New("the browser has decoded nothing")
	}
	r := browserResult{
		FramesDecoded: b.FramesDecoded - a.FramesDecoded, Freezes: b.FreezeCount - a.FreezeCount,
		FrozenSeconds: b.TotalFreezesDuration - a.TotalFreezesDuration,
		PacketsLost:   b.PacketsLost - a.PacketsLost, Retransmitted: b.Retransmitted - a.Retransmitted,
		Nacks: b.NackCount - a.NackCount, PLIs: b.PLICount - a.PLICount, Samples: told.Samples,
	}
	if n := b.JitterBufferEmitted - a.JitterBufferEmitted; n > 0 {
		r.JitterBufferMS = 1000 * (b.JitterBufferDelay - a.JitterBufferDelay) / n
	}
	x, y := told.Before.Audio, told.After.Audio
	if n := y.TotalSamplesReceived - x.TotalSamplesReceived; n > 0 {
		r.Concealed = (y.ConcealedSamples - x.ConcealedSamples) / n
	}
	for _, h := range heights {
		r.Heights = append(r.Heights, int(h.Height))
	}
	return r, nil
}
