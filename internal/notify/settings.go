package notify

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/proscenium-live/proscenium/internal/bus"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/store"
)

// The kinds of targets.
const (
	Webhook     = "webhook"
	EventBridge = "eventbridge"
	SQS         = "sqs"
	NATS        = "nats"
	Stdout      = "stdout"
)

// CloudEvents is the envelope of that name.
const CloudEvents = "cloudevents"

// Settings are a target as operators describe it.
type Settings struct {
	Name     string          `json:"name"`
	Kind     string          `json:"kind"`
	URL      string          `json:"url,omitempty"`      // of the webhook, the queue, the NATS server, or EventBridge's endpoint
	Pattern  json.RawMessage `json:"pattern,omitempty"`  // in EventBridge's language; none is every event
	Envelope string          `json:"envelope,omitempty"` // "" is the event as it is, or CloudEvents
	Subject  string          `json:"subject,omitempty"`  // of NATS
	Bus      string          `json:"bus,omitempty"`      // of EventBridge
	Source   string          `json:"source,omitempty"`   // told to EventBridge in place of aws.ivs
	Region   string          `json:"region,omitempty"`   // of EventBridge and SQS

	Secret          string `json:"secret,omitempty"` // whsec_…, signs what a webhook gets; made if it is not given
	AccessKeyID     string `json:"accessKeyId,omitempty"`
	SecretAccessKey string `json:"secretAccessKey,omitempty"`
	Token           string `json:"token,omitempty"` // of NATS

	signing []signing
	pattern *Pattern
}

// String hides the secrets.
func (it Settings) String() string { return "target " + it.Name + " (" + it.Kind + ")" }

// GoString hides the secrets.
func (it Settings) GoString() string { return it.String() }

// signing is a secret that signs until a time, zero is for ever.
type signing struct {
	Secret string    `json:"secret"`
	Until  time.Time `json:"until,omitzero"`
}

// secrets are what of Settings is kept encrypted.
type secrets struct {
	Signing         []signing `json:"signing,omitempty"`
	AccessKeyID     string    `json:"access_key_id,omitempty"`
	SecretAccessKey string    `json:"secret_access_key,omitempty"`
	Token           string    `json:"token,omitempty"`
}

var (
	goodName   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	goodRegion = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	goodBus    = regexp.MustCompile(`^[a-zA-Z0-9/:._-]{1,256}$`)
)

// ParseDeclared reads the targets of the configuration: a JSON list of settings.
func ParseDeclared(text string) ([]Settings, error) {
	if text == "" {
		return nil, nil
	}
	var all []Settings
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, errors.New("it must be a list of targets, each with a name and a kind") // err could repeat a secret
	}
	return all, nil
}

// check refuses settings that cannot work, and reads what they say.
func (s *Service) check(it *Settings) (err error) {
	if !goodName.MatchString(it.Name) {
		return live.Errorf(live.Invalid, "name must be 1 to 63 of a-z, 0-9 and -")
	}
	if it.Envelope != "" && it.Envelope != CloudEvents {
		return live.Errorf(live.Invalid, `envelope must be "" or "cloudevents"`)
	}
	if it.pattern, err = ParsePattern(it.Pattern); err != nil {
		return live.Errorf(live.Invalid, "pattern: %v", err)
	}
	switch it.Kind {
	case Webhook:
		err = s.checkWebhook(it)
	case EventBridge:
		err = it.checkAWS(it.Bus == "" || goodBus.MatchString(it.Bus), "bus")
	case SQS:
		err = it.checkAWS(it.URL != "", "url")
	case NATS:
		if err = bus.CheckSubject(it.Subject); err != nil {
			err = live.Errorf(live.Invalid, "subject must be one of NATS, without wildcards")
		}
	case Stdout:
		return nil
	default:
		return live.Errorf(live.Invalid, "kind must be webhook, eventbridge, sqs, nats or stdout")
	}
	if err != nil || it.URL == "" && it.Kind == EventBridge {
		return err
	}
	return s.checkURL(it)
}

func (s *Service) checkWebhook(it *Settings) error {
	if it.Secret == "" && len(it.signing) == 0 {
		it.Secret = NewSecret()
	}
	if it.Secret != "" {
		it.signing = nil
	}
	for one := range strings.FieldsSeq(it.Secret) {
		if _, err := secretBytes(one); err != nil || len(it.signing) == 4 {
			return live.Errorf(live.Invalid, "secret must be whsec_ and 24 to 64 bytes in base64; up to 4 with spaces between all sign")
		}
		it.signing = append(it.signing, signing{Secret: one})
	}
	return nil
}

func (it *Settings) checkAWS(good bool, what string) error {
	switch {
	case !good:
		return live.Errorf(live.Invalid, "%s is missing or malformed", what)
	case !goodRegion.MatchString(it.Region):
		return live.Errorf(live.Invalid, "region is missing or malformed")
	case it.AccessKeyID == "" || it.SecretAccessKey == "":
		return live.Errorf(live.Invalid, "accessKeyId and secretAccessKey are needed")
	}
	return nil
}

// checkURL refuses what is no address of a server, or is one that would never be connected to. Names are looked up
// when they are connected to, not now.
func (s *Service) checkURL(it *Settings) error {
	u, err := url.Parse(it.URL)
	schemes := map[string]bool{"http": it.Kind != NATS, "https": it.Kind != NATS, "nats": it.Kind == NATS, "tls": it.Kind == NATS}
	if err != nil || len(it.URL) > 2048 || !schemes[u.Scheme] || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return live.Errorf(live.Invalid, "url must be http:// or https:// (nats:// or tls:// for NATS) with a host, and without a user or fragment")
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	if err == nil {
		if err := s.guard().may(addr); err != nil {
			return live.Errorf(live.Invalid, "url: %v", err)
		}
		return nil
	}
	// 2130706433, 0x7f.1 and 0177.0.0.1 are addresses to some and names to others.
	if last := host[strings.LastIndexByte(host, '.')+1:]; last == "" || last[0] >= '0' && last[0] <= '9' {
		return live.Errorf(live.Invalid, "url: %q is neither a name nor an address in its usual form", host)
	}
	return nil
}

// NewSecret makes a secret of a webhook in the form of Standard Webhooks.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}

func secretBytes(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("no secret of Standard Webhooks")
	}
	return key, nil
}

// settingsOf reads a target as it is kept.
func (s *Service) settingsOf(row store.Target) (Settings, error) {
	if row.Declared {
		for _, it := range s.o.Declared {
			if it.Name == row.Name {
				return it, nil
			}
		}
		return Settings{}, errors.New("the configuration does not declare it")
	}
	var it Settings
	if err := json.Unmarshal([]byte(row.Settings), &it); err != nil {
		return it, fmt.Errorf("read settings: %w", err)
	}
	text, err := s.o.Master.Open(row.Secrets, "target/"+row.Name)
	if err != nil {
		return it, err
	}
	var hidden secrets
	if err := json.Unmarshal([]byte(text), &hidden); err != nil {
		return it, errors.New("read secrets: they are malformed")
	}
	it.signing, it.AccessKeyID, it.SecretAccessKey, it.Token = hidden.Signing, hidden.AccessKeyID, hidden.SecretAccessKey, hidden.Token
	return it, s.check(&it)
}

// row returns settings as they are kept.
func (s *Service) row(it Settings) (store.Target, error) {
	hidden, err := json.Marshal(secrets{it.signing, it.AccessKeyID, it.SecretAccessKey, it.Token})
	if err != nil {
		return store.Target{}, fmt.Errorf("write secrets: %w", err)
	}
	open := it
	open.Secret, open.AccessKeyID, open.SecretAccessKey, open.Token = "", "", "", ""
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(open); err != nil { //nolint:gosec // G117: the secrets have just been taken out
		return store.Target{}, live.Errorf(live.Invalid, "pattern: it is not JSON")
	}
	return store.Target{
		Name: it.Name, Settings: text.String(), Secrets: s.o.Master.Seal(string(hidden), "target/"+it.Name), CreatedAt: s.o.Now(),
	}, nil
}
