package bus

import "github.com/proscenium-live/proscenium/internal/live"

// Subjects, who sends and who serves them:
//
//	control.session.open     request live.OpenSession → live.SessionGrant      host → control (group "control")
//	control.session.closed   request live.SessionClosed → {}                   host → control (group "control")
//	control.facts            request live.Reports → {}, once they are written  host → control (group "control")
//	control.key              request live.AskKey → live.KeyAnswer              host → control (group "control")
//	host.key.forget          request live.ForgetKey → {}                       control → every host
//	host.stage.ID.ask        request live.AskParticipant → live.ParticipantAnswer  control → the host of the stage
//	host.stage.ID.disconnect request live.DisconnectParticipant → {}           control → the host of the stage
//	host.stage.ID.replicate  request live.ReplicateParticipant → live.ReplicationAnswer  control → the host of the source
//	host.stage.ID.close      request live.CloseStage → {}                      control → the host of the stage
const (
	OpenSession   = "control.session.open"
	SessionClosed = "control.session.closed"
	Facts         = "control.facts"
	AskKey        = "control.key"
	ForgetKey     = "host.key.forget"
	ControlGroup  = "control"
)

// DisconnectParticipant is the subject on which a stage's host obeys live.DisconnectParticipant.
func DisconnectParticipant(id live.StageID) string { return "host.stage." + string(id) + ".disconnect" }

// CloseStage is the subject on which a stage's host obeys live.CloseStage.
func CloseStage(id live.StageID) string { return "host.stage." + string(id) + ".close" }

// AskParticipant is the subject on which a stage's host answers live.AskParticipant.
func AskParticipant(id live.StageID) string { return "host.stage." + string(id) + ".ask" }

// ReplicateParticipant is the subject on which a source stage's host obeys live.ReplicateParticipant.
func ReplicateParticipant(id live.StageID) string { return "host.stage." + string(id) + ".replicate" }
