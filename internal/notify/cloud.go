package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/nats-io/nats.go"
)

// awsConfig is the SDK's, without anything that it would look for by itself.
func awsConfig(it Settings, client *http.Client) aws.Config {
	return aws.Config{
		Region: it.Region, HTTPClient: client, RetryMaxAttempts: 1, // we try again ourselves
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: it.AccessKeyID, SecretAccessKey: it.SecretAccessKey}, nil
		}),
	}
}

// bridge puts events onto an event bus of EventBridge, or of what speaks its protocol.
type bridge struct {
	it     Settings
	client *http.Client
	api    *eventbridge.Client
}

func newBridge(it Settings, g guard) *bridge {
	client := g.client()
	return &bridge{it: it, client: client, api: eventbridge.NewFromConfig(awsConfig(it, client), func(o *eventbridge.Options) {
		if it.URL != "" {
			o.BaseEndpoint = aws.String(it.URL)
		}
	})}
}

func (b *bridge) close() { b.client.CloseIdleConnections() }

func (b *bridge) send(ctx context.Context, m message) error {
	var inside struct {
		DetailType string          `json:"detail-type"`
		Source     string          `json:"source"`
		Resources  []string        `json:"resources"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal([]byte(m.body), &inside); err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	entry := ebtypes.PutEventsRequestEntry{
		Source: aws.String(inside.Source), DetailType: aws.String(inside.DetailType), Detail: aws.String(string(inside.Detail)),
		Resources: inside.Resources, Time: aws.Time(m.at),
	}
	if b.it.Source != "" {
		entry.Source = aws.String(b.it.Source)
	}
	if b.it.Bus != "" {
		entry.EventBusName = aws.String(b.it.Bus)
	}
	out, err := b.api.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{entry}})
	switch {
	case err != nil:
		return err
	case out.FailedEntryCount > 0 && len(out.Entries) > 0:
		return fmt.Errorf("the event was refused: %s %s", aws.ToString(out.Entries[0].ErrorCode), aws.ToString(out.Entries[0].ErrorMessage))
	case out.FailedEntryCount > 0:
		return errors.New("the event was refused")
	}
	return nil
}

// queue sends events to a queue of SQS, or of what speaks its protocol.
type queue struct {
	it     Settings
	client *http.Client
	api    *sqs.Client
}

func newQueue(it Settings, g guard) *queue {
	client := g.client()
	return &queue{it: it, client: client, api: sqs.NewFromConfig(awsConfig(it, client), func(o *sqs.Options) {
		if scheme, rest, ok := strings.Cut(it.URL, "://"); ok { // the queue's own server, whoever runs it
			host, _, _ := strings.Cut(rest, "/")
			o.BaseEndpoint = aws.String(scheme + "://" + host)
		}
	})}
}

func (q *queue) close() { q.client.CloseIdleConnections() }

func (q *queue) send(ctx context.Context, m message) error {
	body, _, err := wrap(m, q.it.Envelope)
	if err != nil {
		return err
	}
	in := &sqs.SendMessageInput{
		QueueUrl: aws.String(q.it.URL), MessageBody: aws.String(string(body)),
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{
			"id":       {DataType: aws.String("String"), StringValue: aws.String(m.id)},
			"sequence": {DataType: aws.String("Number"), StringValue: aws.String(strconv.FormatInt(m.seq, 10))},
		},
	}
	if strings.HasSuffix(q.it.URL, ".fifo") {
		in.MessageGroupId, in.MessageDeduplicationId = aws.String(m.stage), aws.String(m.id)
	}
	_, err = q.api.SendMessage(ctx, in)
	return err
}

// subject publishes events on a subject of NATS. The server has taken each when send returns; a stream of JetStream
// on the subject knows what it gets twice by its id.
type subject struct {
	it    Settings
	guard guard

	mu   sync.Mutex
	conn *nats.Conn // nil until it is needed, and after it broke
}

func (n *subject) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn != nil {
		n.conn.Close()
		n.conn = nil
	}
}

func (n *subject) connect() (*nats.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn != nil && n.conn.IsConnected() {
		return n.conn, nil
	}
	if n.conn != nil {
		n.conn.Close()
		n.conn = nil
	}
	options := []nats.Option{
		nats.Name("proscenium"), nats.NoReconnect(), nats.SetCustomDialer(n.guard), nats.IgnoreDiscoveredServers(),
		nats.Timeout(10 * time.Second),
	}
	if n.it.Token != "" {
		options = append(options, nats.Token(n.it.Token))
	}
	conn, err := nats.Connect(n.it.URL, options...)
	n.conn = conn
	return conn, err
}

func (n *subject) send(ctx context.Context, m message) error {
	body, _, err := wrap(m, n.it.Envelope)
	if err != nil {
		return err
	}
	conn, err := n.connect()
	if err != nil {
		return err
	}
	out := nats.NewMsg(n.it.Subject)
	out.Data = body
	out.Header.Set(nats.MsgIdHdr, m.id)
	out.Header.Set("Proscenium-Sequence", strconv.FormatInt(m.seq, 10))
	if err := conn.PublishMsg(out); err != nil {
		return err
	}
	return conn.FlushWithContext(ctx)
}
