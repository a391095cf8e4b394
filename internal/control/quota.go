package control

import "github.com/proscenium-live/proscenium/internal/live"

// Quotas are what one account may have in one region. Operators set those with a setting; the others
// are fields so that tests come to their end.
type Quotas struct {
	// Stages is the number of stages (quotas.stages); 0 is no limit but the disk's, here and below.
	Stages int
	// PublicKeys is the number of imported keys (quotas.public_keys).
	PublicKeys int
	// EncoderConfigurations is the number of encoder configurations (quotas.encoder_configurations).
	EncoderConfigurations int
	// StorageConfigurations is the number of storage configurations (quotas.storage_configurations).
	StorageConfigurations int
	// IngestConfigurations is the number of ingest configurations (quotas.ingest_configurations).
	IngestConfigurations int
	// Compositions is the number of compositions that go on at once (quotas.compositions).
	Compositions int
	// CompositionsPerStage is the same for one stage (quotas.compositions_per_stage).
	CompositionsPerStage int
	// ReplicationsPerParticipant is the number of stages on which a participant of another is shown at once
	// (quotas.replications_per_participant).
	ReplicationsPerParticipant int
	// Channels is the number of channels (quotas.channels).
	Channels int
	// TokensPerStage is the number of tokens that one CreateStage issues. The contract fixes it for the API.
	TokensPerStage int
	// TagsPerResource is the number of tags on one resource. The contract fixes it for the API.
	TagsPerResource int
	// BarredPerStage is the number of participants barred from one stage at a time. A host is told all of them
	// in one message.
	BarredPerStage int
}

// OpenQuotas are the quotas of the profile "open": only what the machine needs.
func OpenQuotas() Quotas {
	return Quotas{TokensPerStage: 12, TagsPerResource: 50, BarredPerStage: 50_000}
}

// AWSQuotas are the default quotas of the real service (control-plane.md 6.2).
func AWSQuotas() Quotas {
	q := OpenQuotas()
	q.Stages = 1000
	q.PublicKeys = 3
	q.EncoderConfigurations = 20
	q.StorageConfigurations = 5
	q.IngestConfigurations = 100
	q.Compositions = 20
	q.CompositionsPerStage = 5
	q.ReplicationsPerParticipant = 5
	q.Channels = 5000
	return q
}

// orOpen fills in what is zero and cannot be.
func (q Quotas) orOpen() Quotas {
	open := OpenQuotas()
	if q.TokensPerStage == 0 {
		q.TokensPerStage = open.TokensPerStage
	}
	if q.TagsPerResource == 0 {
		q.TagsPerResource = open.TagsPerResource
	}
	if q.BarredPerStage == 0 {
		q.BarredPerStage = open.BarredPerStage
	}
	return q
}

// exhausted says that a quota is used up.
func exhausted(what string, limit int) error {
	return live.Errorf(live.Exhausted, "the quota of %d %s is used up", limit, what)
}

// exhaustedSetting says that a quota is used up, and what raises it.
func exhaustedSetting(what string, limit int, setting string) error {
	return live.Errorf(live.Exhausted, "the quota of %d %s is used up; the setting %s raises it", limit, what, setting)
}
