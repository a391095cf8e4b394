package channel_test

import (
	"errors"
	"testing"

	"github.com/proscenium-live/proscenium/internal/wire"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
)

// FuzzOperations gives any body, label and query to each operation: it is taken, or refused with a fault.
func FuzzOperations(f *testing.F) {
	table := channel.Table()
	for i := range table {
		f.Add(uint8(i), "arn:aws:ivs:us-east-1:1:channel/a", "tagKeys=a", []byte(`{"name":"a","tags":{"a":"b"},"arn":"arn:aws:ivs:us-east-1:1:channel/a","arns":["arn:aws:ivs:us-east-1:1:channel/a"]}`))
	}
	f.Add(uint8(0), "", "tagKeys", []byte(`{"multitrackInputConfiguration":{"enabled":1e400,"policy":"ALLOW"},"maxResults":5e1}`))
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
