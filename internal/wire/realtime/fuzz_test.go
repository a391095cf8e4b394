package realtime_test

import (
	"errors"
	"testing"

	"github.com/proscenium-live/proscenium/internal/wire"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// FuzzOperations gives any body, label and query to each operation: it is taken, or refused with a fault.
func FuzzOperations(f *testing.F) {
	table := realtime.Table()
	for i := range table {
		f.Add(uint8(i), "arn:aws:ivs:us-east-1:1:stage/a", "tagKeys=a", []byte(`{"name":"a","tags":{"a":"b"},"stageArn":"arn:aws:ivs:us-east-1:1:stage/a"}`))
	}
	f.Add(uint8(0), "", "tagKeys", []byte(`{"video":{"width":1e400,"framerate":29.97}}`))
	f.Fuzz(func(t *testing.T, n uint8, label, query string, body []byte) {
		values, err := wire.ParseQuery(query)
		if err != nil {
			return
		}
		in := table[int(n)%len(table)].New()
		if err = in.Decode(&wire.Request{Label: label, Query: values, Body: body}); err == nil {
			err = in.Validate()
		}
		var fault wire.Fault
		if err != nil && (!errors.As(err, &fault) || fault.Status != 400) {
			t.Fatal(err)
		}
	})
}
