package api_test

import (
	"context"
	"errors"
	"testing"

	"github.com/proscenium-live/proscenium/internal/api"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// brokenStreams and brokenChannels fail in the way they are told to.
type brokenStreams struct {
	api.Streams
	err error
}

func (b brokenStreams) Get(context.Context, live.ARN) (live.Stream, error) {
	return live.Stream{}, b.err
}
func (b brokenStreams) Stop(context.Context, live.ARN) error                { return b.err }
func (b brokenStreams) PutMetadata(context.Context, live.ARN, string) error { return b.err }

type brokenChannels struct {
	api.Channels
	err error
}

func (b brokenChannels) Get(context.Context, live.ARN) (live.Channel, error) {
	return live.Channel{}, b.err
}

func (b brokenChannels) BatchGet(_ context.Context, arns []live.ARN) ([]live.Channel, []control.BatchError, error) {
	if live.KindOf(b.err) == live.Unavailable {
		return nil, nil, b.err
	}
	return nil, []control.BatchError{{ARN: arns[0], Err: b.err}}, nil
}

// The channel contract has names of its own for some failures; where an operation does not model them, it answers as
// all others do.
func TestChannelErrors_HaveTheirOwnNames(t *testing.T) {
	const arn = `"arn:aws:ivs:us-east-1:123456789012:channel/a"`
	offline := live.Refuse(live.NotFound, live.ChannelNotBroadcasting, "nothing is on")
	unavailable := live.Errorf(live.Unavailable, "not now")
	throttled := live.Errorf(live.Throttled, "too many")
	for _, c := range []struct {
		operation, body string
		err             error
		status          int
		exception       string
	}{
		{"GetStream", `{"channelArn":` + arn + `}`, offline, 404, "ChannelNotBroadcasting"},
		{"StopStream", `{"channelArn":` + arn + `}`, offline, 404, "ChannelNotBroadcasting"},
		{"PutMetadata", `{"channelArn":` + arn + `,"metadata":"x"}`, offline, 404, "ChannelNotBroadcasting"},
		{"GetChannel", `{"arn":` + arn + `}`, offline, 404, "ResourceNotFoundException"},
		{"StopStream", `{"channelArn":` + arn + `}`, unavailable, 503, "StreamUnavailable"},
		{"BatchGetChannel", `{"arns":[` + arn + `]}`, unavailable, 503, "ServiceUnavailable"},
		{"GetChannel", `{"arn":` + arn + `}`, unavailable, 503, "ServiceUnavailableException"},
		{"PutMetadata", `{"channelArn":` + arn + `,"metadata":"x"}`, throttled, 429, "ThrottlingException"},
	} {
		w := newWorld(t, func(o *api.Options) {
			o.Streams, o.Channels = brokenStreams{err: c.err}, brokenChannels{err: c.err}
		})
		a := w.post(c.operation, c.body)
		a.want(t, c.status, c.exception, c.err.Error())
		if modelled := a.at(t, "exceptionMessage") != nil; modelled != (c.exception != "ThrottlingException" || c.operation == "PutMetadata") {
			t.Errorf("%s: %s", c.operation, a.body)
		}
	}
}

func TestBatchErrors_TellNoFaultOfOurs(t *testing.T) {
	const body = `{"arns":["arn:aws:ivs:us-east-1:123456789012:channel/a"]}`
	for _, c := range []struct {
		err           error
		code, message string
	}{
		{live.Errorf(live.NotFound, "there is none"), "ResourceNotFoundException", "there is none"},
		{live.Errorf(live.Denied, "not yours"), "AccessDeniedException", "not yours"},
		{errors.New("disk on fire"), "InternalServerException", "An internal error occurred."},
	} {
		w := newWorld(t, func(o *api.Options) { o.Channels = brokenChannels{err: c.err} })
		jsonEqual(t, w.post("BatchGetChannel", body).at(t, "errors"),
			`[{"arn":"arn:aws:ivs:us-east-1:123456789012:channel/a","code":"`+c.code+`","message":"`+c.message+`"}]`)
	}
}

func TestDefaultRates_KnowEveryOperation(t *testing.T) {
	rates := api.DefaultRates()
	for _, o := range realtime.Table() {
		if rates[o.Name] <= 0 {
			t.Errorf("%s has no rate", o.Name)
		}
	}
	for _, o := range channel.Table() {
		if rates[o.Name] <= 0 {
			t.Errorf("%s has no rate", o.Name)
		}
	}
	if rates["PutMetadata"] != 155 || rates["TagResource"] != 10 || rates["CreateChannel"] != 5 {
		t.Error(rates)
	}
}
