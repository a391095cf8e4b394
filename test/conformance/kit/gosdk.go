package kit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/smithy-go"
)

// GoSDK is aws-sdk-go-v2.
type GoSDK struct {
	client *ivsrealtime.Client
	status *statusKeeper
}

// statusKeeper remembers the status of the last answer, which outputs of the SDK do not tell.
type statusKeeper struct {
	http *http.Client
	last int
}

// Do sends a request.
func (s *statusKeeper) Do(r *http.Request) (*http.Response, error) {
	res, err := s.http.Do(r) //nolint:gosec // to the endpoint that the user named
	if err == nil {
		s.last = res.StatusCode
	}
	return res, err
}

// NewGoSDK returns the SDK as a user would set it up, but for the endpoint and its retries.
func NewGoSDK(target Target) *GoSDK {
	status := &statusKeeper{http: &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}}
	return &GoSDK{status: status, client: ivsrealtime.New(ivsrealtime.Options{
		Region:       target.Region,
		BaseEndpoint: aws.String(target.Endpoints[Realtime]),
		HTTPClient:   status,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: target.Key, SecretAccessKey: target.Secret, SessionToken: target.Token}, nil
		}),
		RetryMaxAttempts: 1,
	})}
}

// Name returns what the page calls it.
func (g *GoSDK) Name() string { return "Go SDK v2" }

// Close closes the connections.
func (g *GoSDK) Close() error {
	g.status.http.CloseIdleConnections()
	return nil
}

// Call calls the operation's method.
func (g *GoSDK) Call(ctx context.Context, c Case, _ *Operation, input map[string]any) (Answer, error) {
	method := reflect.ValueOf(g.client).MethodByName(c.Operation)
	if c.API != Realtime || !method.IsValid() {
		return Answer{Unsent: "the SDK does not have the operation"}, nil
	}
	in := reflect.New(method.Type().In(1).Elem())
	text, err := json.Marshal(input)
	if err != nil {
		return Answer{}, err
	}
	// members differ from fields in the case of letters only, which is all the same to encoding/json
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(in.Interface()); err != nil {
		return Answer{Unsent: "the SDK has no place for it: " + err.Error()}, nil //nolint:nilerr // the input is the cause
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	if err, _ := results[1].Interface().(error); err != nil {
		return g.failure(err)
	}
	body, _ := plain(results[0]).(map[string]any)
	delete(body, "resultMetadata")
	return Answer{Status: g.status.last, Body: body}, nil
}

func (g *GoSDK) failure(err error) (Answer, error) {
	var unsent smithy.InvalidParamsError
	if errors.As(err, &unsent) {
		return Answer{Unsent: "the SDK refuses it"}, nil
	}
	var told smithy.APIError
	if !errors.As(err, &told) {
		return Answer{}, err
	}
	return Answer{Status: g.status.last, Error: told.ErrorCode(), Message: message(told)}, nil
}

// message returns what an error says: modelled ones keep it in the member that the contract names.
func message(told smithy.APIError) string {
	v := reflect.Indirect(reflect.ValueOf(told))
	if v.Kind() == reflect.Struct {
		if f := v.FieldByName("ExceptionMessage"); f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() {
			return f.Elem().String()
		}
	}
	return told.ErrorMessage()
}

// plain turns an output of the SDK into what JSON would have given. Fields that are nil are absent.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		if at, ok := v.Interface().(time.Time); ok {
			return at.Format(time.RFC3339Nano)
		}
		return plainStruct(v)
	case reflect.Map:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[key.String()] = plain(v.MapIndex(key))
		}
		return out
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i))
		}
		return out
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int32, reflect.Int64:
		return float64(v.Int())
	case reflect.Float32, reflect.Float64:
		return v.Float()
	default:
		return nil
	}
}

func plainStruct(v reflect.Value) any {
	out := map[string]any{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || empty(v.Field(i)) {
			continue
		}
		name := []rune(field.Name)
		name[0] = unicode.ToLower(name[0])
		out[string(name)] = plain(v.Field(i))
	}
	return out
}

// empty says whether a field holds nothing. The SDK cannot tell an empty text of an enum from an absent one.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	case reflect.String:
		return v.Len() == 0
	default:
		return false
	}
}
