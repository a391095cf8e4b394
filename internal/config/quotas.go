package config

import (
	"fmt"
	"maps"
)

const (
	maxQuota = 100_000_000
	maxRate  = 1_000_000 // calls per second
)

// Limit is a number of things there may be.
type Limit struct {
	N   int // 0 is no limit
	set bool
}

// Quotas are how much an account may have and how often it may call.
type Quotas struct {
	Profile             string
	Stages              Limit
	PublishersPerStage  Limit
	SubscribersPerStage Limit
	Publishers          Limit // over all stages
	Subscriptions       Limit // pairs of publisher and subscriber, over all stages

	PublicKeys                 Limit
	EncoderConfigurations      Limit
	StorageConfigurations      Limit
	IngestConfigurations       Limit
	Compositions               Limit // at once
	CompositionsPerStage       Limit // at once
	ReplicationsPerParticipant Limit // at once
	Channels                   Limit

	// Rates are the calls per second that the operator has set by operation, over those of the profile.
	Rates map[string]float64

	entries []quotaEntry
}

type quotaEntry struct {
	key   string
	doc   string
	aws   int // the default of AWS (control-plane reference, section "Quotas")
	limit *Limit
	own   *Setting
}

func (q *Quotas) settings() []*Setting {
	q.entries = []quotaEntry{
		{key: "stages", doc: "Stages of the account.", aws: 1000, limit: &q.Stages},
		{key: "publishers_per_stage", doc: "Participants that publish on one stage at once.", aws: 12, limit: &q.PublishersPerStage},
		{key: "subscribers_per_stage", doc: "Participants that subscribe on one stage at once.", aws: 10_000, limit: &q.SubscribersPerStage},
		{key: "publishers", doc: "Participants that publish at once, over all stages.", aws: 1000, limit: &q.Publishers},
		{key: "subscriptions", doc: "Pairs of publisher and subscriber at once, over all stages.", aws: 20_000, limit: &q.Subscriptions},
		{key: "public_keys", doc: "Public keys of the account.", aws: 3, limit: &q.PublicKeys},
		{key: "encoder_configurations", doc: "Encoder configurations of the account.", aws: 20, limit: &q.EncoderConfigurations},
		{key: "storage_configurations", doc: "Storage configurations of the account.", aws: 5, limit: &q.StorageConfigurations},
		{key: "ingest_configurations", doc: "Ingest configurations of the account.", aws: 100, limit: &q.IngestConfigurations},
		{key: "compositions", doc: "Compositions that go on at once.", aws: 20, limit: &q.Compositions},
		{key: "compositions_per_stage", doc: "Compositions of one stage that go on at once.", aws: 5, limit: &q.CompositionsPerStage},
		{key: "replications_per_participant", doc: "Stages on which a participant of another is shown at once.", aws: 5, limit: &q.ReplicationsPerParticipant},
		{key: "channels", doc: "Channels of the account.", aws: 5000, limit: &q.Channels},
	}
	out := make([]*Setting, len(q.entries))
	for i := range q.entries {
		e := &q.entries[i]
		e.own = &Setting{
			Key: "quotas." + e.key, Group: "AWS", from: fromFile, value: quota(e.limit), Doc: e.doc,
			Derived: fmt.Sprintf("by the profile: open has no limit, aws has %d", e.aws),
		}
		out[i] = e.own
	}
	return out
}

// resolve gives what the operator has not set the profile's value.
func (q *Quotas) resolve() {
	for _, e := range q.entries {
		if e.limit.set {
			continue
		}
		e.limit.N = 0
		if q.Profile == "aws" {
			e.limit.N = e.aws
		}
		e.own.Origin = Origin{Place: Profile, Detail: "profile " + q.Profile}
	}
	if q.Rates == nil {
		q.Rates = map[string]float64{}
	}
}

// Rate returns the calls per second that an operation may take, given AWS's default for it; 0 is no limit.
func (q *Quotas) Rate(operation string, aws float64) float64 {
	if r, ok := q.Rates[operation]; ok {
		return r
	}
	if q.Profile == "aws" {
		return aws
	}
	return 0
}

// RatesFrom returns the calls per second by operation, given AWS's defaults for all of them; 0 is no limit.
// It refuses a rate that was set for an operation which is not among them.
func (q *Quotas) RatesFrom(aws map[string]float64) (map[string]float64, error) {
	for op := range q.Rates {
		if _, ok := aws[op]; !ok {
			return nil, fmt.Errorf("quotas.rates: there is no operation %q", op)
		}
	}
	out := maps.Clone(aws)
	for op, rate := range aws {
		out[op] = q.Rate(op, rate)
	}
	return out, nil
}
