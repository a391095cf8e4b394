package conformance_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/api"
	"github.com/proscenium-live/proscenium/internal/bus/inproc"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
	"github.com/proscenium-live/proscenium/test/conformance/kit"
)

// air is a media side that says yes: what operations answer when there is one.
type air struct {
	mu sync.Mutex
	on []live.Stream
}

// broadcasts is the part of air that channels see.
type broadcasts struct{ *air }

func (b broadcasts) Streams(context.Context) ([]live.Stream, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.on), nil
}

func (b broadcasts) Stop(context.Context, live.ARN) error                { return nil } // its encoder came again at once
func (b broadcasts) PutMetadata(context.Context, live.ARN, string) error { return nil }

// TestKit_WhatNeedsMediaIsAnsweredInTheContractsShape runs the cases that a server without the media side of
// channels cannot pass. They are not on the page.
func TestKit_WhatNeedsMediaIsAnsweredInTheContractsShape(t *testing.T) {
	contracts, err := kit.Contracts()
	if err != nil {
		t.Fatal(err)
	}
	suites, err := kit.Chosen([]string{"media"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range kit.Columns {
		t.Run(name, func(t *testing.T) {
			target, vars := onAir(t)
			report := &kit.Report{}
			runKit(t, target, contracts, suites, vars, []string{name}, report.Add)
			t.Logf("%d cases passed", report.Passed(""))
		})
	}
}

// onAir starts the API with a media side and a channel that is live.
func onAir(t *testing.T) (kit.Target, map[string]string) {
	t.Helper()
	media, b := &air{}, inproc.New()
	svc, err := control.Open(t.Context(), control.Options{
		Store: storetest.Open(t, storetest.SQLite(t)), Bus: b, Node: live.NewNodeID(), Region: region, Account: account,
		Endpoints:  live.Endpoints{Events: "ws://127.0.0.1:7400/events", WHIP: "http://127.0.0.1:7400/whip", RTMP: "rtmp://127.0.0.1:1935/app/"},
		Broadcasts: broadcasts{media},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.New(api.Options{
		Parts: api.PartsOf(svc), Region: region, Account: account, Keys: sigv4.OneKey{AccessKeyID: key, SecretKey: secret},
	}))
	t.Cleanup(func() {
		server.Close()
		for _, closing := range []func() error{svc.Close, b.Close} {
			if err := closing(); err != nil {
				t.Error(err)
			}
		}
	})
	channel, _, err := svc.Channels.Create(t.Context(), control.CreateChannel{})
	if err != nil {
		t.Fatal(err)
	}
	media.on = []live.Stream{{
		ID: "st-" + strings.Repeat("a", 23), Channel: channel.ARN, State: "LIVE", Health: "HEALTHY", Viewers: 3, StartedAt: time.Now(),
	}}
	target := kit.Target{
		Endpoints: map[string]string{kit.Realtime: server.URL, kit.Channel: server.URL}, Region: region, Key: key, Secret: secret,
	}
	return target, map[string]string{
		"account": account, "region": region, "onAir": channel.ARN.String(),
	}
}
