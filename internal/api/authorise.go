package api

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// Authorizer says what the holders of access keys may do; access.Keyring is one. Its methods may be called at once.
type Authorizer interface {
	// MayAll says whether a key may do everything, so that nothing needs to be decided.
	MayAll(accessKeyID string) bool
	// Decide says whether the holder of a key may do what the request wants.
	Decide(accessKeyID string, r access.Request) (access.Decision, error)
	// User returns the ARN of a key's holder.
	User(accessKeyID string) string
}

// created is the type of what an operation makes, which has no ARN yet: policies know it as "type/*".
var created = map[string]live.ResourceType{
	"CreateStage":                live.TypeStage,
	"ImportPublicKey":            live.TypePublicKey,
	"StartComposition":           live.TypeComposition,
	"CreateEncoderConfiguration": live.TypeEncoderConfiguration,
	"CreateStorageConfiguration": live.TypeStorageConfiguration,
	"CreateIngestConfiguration":  live.TypeIngestConfiguration,
	"CreateChannel":              live.TypeChannel,
	"CreateStreamKey":            live.TypeStreamKey,
}

// authorise asks whether the key's policies allow the call. It comes after decode, because what a call is about
// stands in its body, and before validate, so that who may do nothing learns nothing: not which values are
// good, nor what exists.
func (f *front) authorise(c *call) error {
	if f.authorizer == nil || f.authorizer.MayAll(c.keyID) {
		return nil
	}
	named := namedBy(c.in)
	r := access.Request{
		Action: "ivs:" + c.op.Name, Resources: named.resources, RequestTags: named.tags, TagKeys: named.tagKeys,
		ResourceTags: func(resource string) (map[string]string, error) { return f.tagsOf(c.r.Context(), resource) },
	}
	if kind, ok := created[c.op.Name]; ok {
		r.Resources = append([]string{"arn:aws:ivs:" + f.Region + ":" + f.Account + ":" + string(kind) + "/*"}, r.Resources...)
	}
	if len(r.Resources) == 0 {
		r.Resources = []string{"*"}
	}
	if len(r.Resources) > maxResources {
		return f.denied(c, access.Decision{Resource: r.Resources[0]})
	}
	d, err := f.authorizer.Decide(c.keyID, r)
	if err != nil || d.Allowed {
		return err
	}
	return f.denied(c, d)
}

// maxResources bounds the work for one call. The contract's longest list of ARNs has 50.
const maxResources = 100

// denied says it in the words of AWS.
func (f *front) denied(c *call, d access.Decision) error {
	action := "ivs:" + c.op.Name
	why := "because no identity-based policy allows the " + action + " action"
	if d.Explicit {
		why = "with an explicit deny in an identity-based policy"
	}
	resource := d.Resource
	if len(resource) > maxNamed {
		resource = resource[:maxNamed]
	}
	return wire.Fault{
		Exception: realtime.AccessDeniedException,
		Message: "User: " + f.user(c) + " is not authorized to perform: " + action + " on resource: " +
			strings.ToValidUTF8(resource, "") + " " + why,
	}
}

// maxNamed is how much of what a caller calls a resource is repeated in a message.
const maxNamed = 256

// user is the ARN of whoever calls.
func (f *front) user(c *call) string {
	if f.authorizer == nil {
		return "arn:aws:iam::" + f.Account + ":root"
	}
	return f.authorizer.User(c.keyID)
}

// tagsOf returns a resource's tags. What there is not, or what is not here, has none: policies decide about it
// as about any resource without tags, and so tell nobody whether it exists (row 5).
func (f *front) tagsOf(ctx context.Context, resource string) (map[string]string, error) {
	arn, err := live.ParseARN(resource)
	if err != nil {
		return nil, nil //nolint:nilerr // not a resource, so there are no tags
	}
	tags, err := f.Tags.List(ctx, arn)
	var told *live.Error
	if errors.As(err, &told) && told.Kind != live.Internal && told.Kind != live.Unavailable {
		return nil, nil
	}
	return tags, err
}

// names are what an input says of resources and tags.
type names struct {
	resources []string
	tags      map[string]string
	tagKeys   []string
}

// namedBy finds the ARNs and tags in an input, at any depth: those that a list is filtered by are not what the
// call is about. The contract calls every ARN's member so; a test looks through all of its inputs.
func namedBy(in wire.Input) names {
	var n names
	n.walk("", reflect.ValueOf(in))
	for key := range n.tags {
		n.tagKeys = append(n.tagKeys, key)
	}
	return n
}

func (n *names) walk(name string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			n.walk(name, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && !strings.HasPrefix(field.Name, "FilterBy") {
				n.walk(field.Name, v.Field(i))
			}
		}
	case reflect.Slice:
		if keys, ok := v.Interface().([]string); ok && name == "TagKeys" {
			n.tagKeys = append(n.tagKeys, keys...)
			return
		}
		for i := range v.Len() {
			n.walk(name, v.Index(i))
		}
	case reflect.Map:
		if tags, ok := v.Interface().(map[string]string); ok && name == "Tags" {
			n.tags = tags
		}
	case reflect.String:
		if isARN := strings.HasSuffix(name, "ARN") || strings.HasSuffix(name, "ARNs"); isARN && v.String() != "" {
			n.resources = append(n.resources, v.String())
		}
	default: // numbers and truths name nothing
	}
}
