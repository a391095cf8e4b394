package live

import (
	"testing"
	"time"
)

// control-plane.md 5: the members and their order are EventBridge's.
func TestBridgeEvent_IsEventBridgesJSONByteForByte(t *testing.T) {
	at := time.Date(2025, 11, 18, 16, 40, 32, 123456000, time.UTC)
	stage := ARN{Region: "us-east-1", Account: "123456789012", Type: TypeStage, ID: "AbCdef1G2hij"}
	composition := ARN{Region: "us-east-1", Account: "123456789012", Type: TypeComposition, ID: "YVoaXkKdEdRP"}
	const source = "arn:aws:ivs:us-west-2:123456789012:stage/AbCdef1G2hij"
	said := TokenSaid{
		Capabilities: []Capability{CanSubscribe}, Attributes: map[string]string{"role": "viewer"},
		UserID: "InitialUser", ExpiresAt: Seconds(at),
	}
	long := int64(547327)
	for name, tc := range map[string]struct {
		kind   DetailType
		on     ARN
		detail any
		want   string
	}{
		"published": {
			StageUpdate, stage,
			PublishDetail{"st-ZyXwvu1T2s", EventPublished, Seconds(at), Micros(at), "Your <User> & Id", "xYz1c2d3e4f", false, "", ""},
			`{"session_id":"st-ZyXwvu1T2s","event_name":"Participant Published","event_time":"2025-11-18T16:40:32Z",` +
				`"event_time_precise":"2025-11-18T16:40:32.123456Z","user_id":"Your <User> & Id","participant_id":"xYz1c2d3e4f","replica":false}`,
		},
		"unpublished replica": {
			StageUpdate, stage,
			PublishDetail{"st-ZyXwvu1T2s", EventUnpublished, Seconds(at), Micros(at), "", "xYz1c2d3e4f", true, source, "st-0000000000000"},
			`{"session_id":"st-ZyXwvu1T2s","event_name":"Participant Unpublished","event_time":"2025-11-18T16:40:32Z",` +
				`"event_time_precise":"2025-11-18T16:40:32.123456Z","user_id":"","participant_id":"xYz1c2d3e4f","replica":true,` +
				`"source_stage_arn":"` + source + `","source_session_id":"st-0000000000000"}`,
		},
		"publish error": {
			StageUpdate, stage,
			PublishErrorDetail{"st-ZyXwvu1T2s", EventPublishError, Nanos(at), "u", "xYz1c2d3e4f", "BITRATE_EXCEEDED", false, "", ""},
			`{"session_id":"st-ZyXwvu1T2s","event_name":"Participant Publish Error","event_time":"2025-11-18T16:40:32.123456000Z",` +
				`"user_id":"u","participant_id":"xYz1c2d3e4f","error_code":"BITRATE_EXCEEDED","replica":false}`,
		},
		"replication": {
			StageUpdate, stage,
			ReplicationDetail{"st-ZyXwvu1T2s", EventReplicationStart, Seconds(at), "u", "xYz1c2d3e4f", source, "st-1"},
			`{"session_id":"st-ZyXwvu1T2s","event_name":"Participant Replication Start","event_time":"2025-11-18T16:40:32Z",` +
				`"user_id":"u","participant_id":"xYz1c2d3e4f","destination_stage_arn":"` + source + `","destination_session_id":"st-1"}`,
		},
		"token": {
			StageUpdate, stage,
			TokenDetail{"st-ZyXwvu1T2s", EventTokenExchanged, Seconds(at), "UpdatedUser", "xYz1c2d3e4f", said, said},
			`{"session_id":"st-ZyXwvu1T2s","event_name":"Token Exchanged","event_time":"2025-11-18T16:40:32Z","user_id":"UpdatedUser","participant_id":"xYz1c2d3e4f",` +
				`"previous_token":{"capabilities":["SUBSCRIBE"],"attributes":{"role":"viewer"},"user_id":"InitialUser","expiration_time":"2025-11-18T16:40:32Z"},` +
				`"new_token":{"capabilities":["SUBSCRIBE"],"attributes":{"role":"viewer"},"user_id":"InitialUser","expiration_time":"2025-11-18T16:40:32Z"}}`,
		},
		"recording failure": {
			RecordingChange, stage,
			RecordingDetail{"st-ZyXwvu1T2s", EventRecordingNoEnd, "xYz1c2d3e4f", "bucket-name", "a/b", &long, "AccessDeniedException", "why"},
			`{"session_id":"st-ZyXwvu1T2s","event_name":"Recording End Failure","participant_id":"xYz1c2d3e4f",` +
				`"recording_s3_bucket_name":"bucket-name","recording_s3_key_prefix":"a/b","recording_duration_ms":547327,"error_code":"AccessDeniedException","reason":"why"}`,
		},
		"recording start": {
			RecordingChange, stage,
			RecordingDetail{Session: "st-ZyXwvu1T2s", Name: EventRecordingStart, Participant: "xYz1c2d3e4f", Bucket: "b", Prefix: "a/b"},
			`{"session_id":"st-ZyXwvu1T2s","event_name":"Recording Start","participant_id":"xYz1c2d3e4f","recording_s3_bucket_name":"b","recording_s3_key_prefix":"a/b"}`,
		},
		"composition": {
			CompositionTold, composition,
			CompositionDetail{EventDestinationFailure, source, "bD9rRoN91fHU", "ConflictException", "Stream already exists"},
			`{"event_name":"Destination Failure","stage_arn":"` + source + `","id":"bD9rRoN91fHU","error_code":"ConflictException","reason":"Stream already exists"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := BridgeEvent{
				ID: "12345678-1a23-4567-a1bc-1a2b34567890", DetailType: tc.kind, Account: "123456789012", At: at,
				Region: "us-east-1", Resource: tc.on, Detail: tc.detail,
			}.Text()
			want := `{"version":"0","id":"12345678-1a23-4567-a1bc-1a2b34567890","detail-type":"` + string(tc.kind) +
				`","source":"aws.ivs","account":"123456789012","time":"2025-11-18T16:40:32Z","region":"us-east-1","resources":["` +
				tc.on.String() + `"],"detail":` + tc.want + `}`
			if err != nil || got != want {
				t.Errorf("got  %s (%v)\nwant %s", got, err, want)
			}
		})
	}
}
