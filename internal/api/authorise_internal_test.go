package api

import (
	"reflect"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/wire"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// fill gives every text in an input a value that says where it stands.
func fill(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name)
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && field.Type.String() != "time.Time" {
				fill(v.Field(i), field.Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name)
	case reflect.String:
		v.SetString("value of " + name)
	}
}

// about is what a call of an operation is about when every member is given.
func about(in wire.Input) names {
	fill(reflect.ValueOf(in).Elem(), "")
	return namedBy(in)
}

// Every call names at least one resource, makes one, or is a list of all: none is about nothing by oversight.
func TestAuthorise_KnowsWhatEachOperationIsAbout(t *testing.T) {
	operations := map[string]names{}
	for _, o := range realtime.Table() {
		operations[o.Name] = about(o.New())
	}
	for _, o := range channel.Table() {
		operations[o.Name] = about(o.New())
	}
	if len(operations) < 50 {
		t.Errorf("only %d operations were looked at", len(operations))
	}
	for name, n := range operations {
		for _, resource := range n.resources {
			if !strings.HasSuffix(resource, "ARN") && !strings.HasSuffix(resource, "ARNs") || strings.Contains(resource, "FilterBy") {
				t.Errorf("%s: %q is taken for a resource", name, resource)
			}
		}
		_, makes := created[name]
		if !makes && len(n.resources) == 0 && !strings.HasPrefix(name, "List") {
			t.Errorf("%s is about nothing", name)
		}
		if strings.HasPrefix(name, "Create") && name != "CreateParticipantToken" && !makes {
			t.Errorf("%s makes something that policies don't know", name)
		}
		if name == "TagResource" && len(n.resources) != 1 || name == "UntagResource" && len(n.tagKeys) != 1 {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

func TestAuthorise_TakesRequestTagsFromTheBody(t *testing.T) {
	in := &realtime.CreateStageInput{Tags: map[string]string{"team": "blue"}}
	if n := namedBy(in); n.tags["team"] != "blue" || len(n.tagKeys) != 1 || n.tagKeys[0] != "team" || n.resources != nil {
		t.Errorf("%+v", n)
	}
}
