package live

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// The names in records are in databases: they stay. If this test fails, the name in the code is what has to go back;
// a new field takes a new line here.
func TestRecords_KeepTheirNames(t *testing.T) {
	home := Home{Region: "r-1", Account: "1"}
	stage, encoder := home.ARN(TypeStage, "s"), home.ARN(TypeEncoderConfiguration, "e")
	at := time.Unix(1, 0).UTC()
	base := Resource{ARN: stage, Name: "hidden", Tags: Tags{"hidden": ""}, CreatedAt: at, GoneAt: at}
	for _, c := range []struct {
		record any
		want   string
	}{
		{&PublicKey{base, "pem", "aa"}, `{"material":"pem","fingerprint":"aa"}`},
		{&Encoder{base, DefaultVideo()}, `{"video":{"width":1280,"height":720,"framerate":30,"bitrate":2500000}}`},
		{&Storage{base, "b"}, `{"bucket":"b"}`},
		{
			&Ingest{
				Resource: base, Protocol: IngestRTMP, Insecure: true, Stage: stage, Participant: "p", StreamKey: "hidden",
				UserID: "u", Attributes: map[string]string{"a": "b"}, Redundant: true,
				Credentials: []IngestCredential{{"q", "hidden"}}, State: IngestActive,
			},
			`{"protocol":"RTMP","insecure":true,"stage":"arn:aws:ivs:r-1:1:stage/s","participant":"p","user_id":"u",` +
				`"attributes":{"a":"b"},"redundant":true,"credentials":[{"participant":"q"}],"state":"ACTIVE"}`,
		},
		{
			&Composition{
				Resource: base, Stage: stage, State: CompositionFailed, Reason: "why", Layout: Layout{Grid: &Grid{}, PiP: &PiP{}},
				Destinations: []Destination{{
					ID: "d", Channel: &ChannelOutput{}, S3: &S3Output{
						Encoders: []ARN{encoder}, Thumbnails: []Thumbnails{{time.Second, []string{"LATEST"}}}, SegmentTarget: time.Second,
					},
				}},
			},
			`{"stage":"arn:aws:ivs:r-1:1:stage/s","state":"FAILED","reason":"why","layout":{"grid":{"featured_attribute":"",` +
				`"order_attribute":"","omit_stopped_video":false,"aspect_ratio":"","fill_mode":"","gap":0},"pip":{"featured_attribute":"",` +
				`"order_attribute":"","omit_stopped_video":false,"fill_mode":"","gap":0,"window_attribute":"","behavior":"","offset":0,` +
				`"position":"","width":0,"height":0}},"destinations":[{"id":"d","name":"","state":"","channel":{"channel":"","encoder":""},` +
				`"s3":{"storage":"","encoders":["arn:aws:ivs:r-1:1:encoder-configuration/e"],"format":"","segment_target":1000000000,` +
				`"thumbnails":[{"every":1000000000,"store":["LATEST"]}]},"started_at":"0001-01-01T00:00:00Z",` +
				`"ended_at":"0001-01-01T00:00:00Z","recording_prefix":""}],"started_at":"0001-01-01T00:00:00Z","ended_at":"0001-01-01T00:00:00Z"}`,
		},
		{
			&Channel{Resource: base, Multitrack: DefaultMultitrack(), IngestEndpoint: "hidden", PlaybackURL: "hidden"},
			`{"latency_mode":"","type":"","authorized":false,"insecure":false,"preset":"","container":"","multitrack":{"enabled":false,` +
				`"maximum_resolution":"FULL_HD","policy":"ALLOW"},"recording":"","policy":"","ads":""}`,
		},
		{&StreamKey{base, stage, "hidden"}, `{"channel":"arn:aws:ivs:r-1:1:stage/s"}`},
	} {
		text, err := json.Marshal(c.record)
		if err != nil || string(text) != c.want {
			t.Errorf("%T is\n%s, %v, expected\n%s", c.record, text, err, c.want)
		}
		if strings.Contains(string(text), "hidden") {
			t.Errorf("%T shows what has a place of its own", c.record)
		}
	}
}

func TestComposition_RefersToEachThingOnce(t *testing.T) {
	home := Home{Region: "r-1", Account: "1"}
	encoder := home.ARN(TypeEncoderConfiguration, "e")
	c := Composition{Stage: home.ARN(TypeStage, "s"), Destinations: []Destination{
		{Channel: &ChannelOutput{Channel: home.ARN(TypeChannel, "c"), Encoder: encoder}},
		{S3: &S3Output{Storage: home.ARN(TypeStorageConfiguration, "b"), Encoders: []ARN{encoder}}},
	}}
	if refers := c.Refers(); len(refers) != 4 {
		t.Errorf("refers to %v", refers)
	}
}

func TestARN_ComesBackFromText(t *testing.T) {
	for _, want := range []ARN{{}, {Region: "r-1", Account: "1", Type: TypeStage, ID: "s"}} {
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		got := ARN{Region: "left over"}
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("%q came back as %+v, %v", text, got, err)
		}
	}
	var a ARN
	if err := a.UnmarshalText([]byte("arn:aws:s3:::b")); err == nil {
		t.Error("a foreign ARN was read")
	}
}
