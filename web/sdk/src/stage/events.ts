import type {
  StageConnectionState,
  StageEvents,
  StageLeftReason,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
  StageStreamLayerSelectedReason,
} from '../enums.js';
import type { StageError } from '../errors.js';
import type { RemoteStageStream, StageStreamLayer } from '../streams/remote.js';
import type { StageStream } from '../streams/stream.js';
import type { StageParticipantInfo } from './participant.js';

/** What the listeners of each stage event are called with. */
export interface StageEventMap {
  [StageEvents.STAGE_CONNECTION_STATE_CHANGED]: (state: StageConnectionState) => void;
  [StageEvents.STAGE_PARTICIPANT_JOINED]: (participant: StageParticipantInfo) => void;
  [StageEvents.STAGE_PARTICIPANT_LEFT]: (participant: StageParticipantInfo) => void;
  [StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED]: (
    participant: StageParticipantInfo,
    state: StageParticipantPublishState,
  ) => void;
  [StageEvents.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED]: (
    participant: StageParticipantInfo,
    state: StageParticipantSubscribeState,
  ) => void;
  [StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED]: (
    participant: StageParticipantInfo,
    streams: StageStream[],
  ) => void;
  [StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED]: (
    participant: StageParticipantInfo,
    streams: StageStream[],
  ) => void;
  [StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED]: (participant: StageParticipantInfo) => void;
  [StageEvents.STAGE_STREAM_MUTE_CHANGED]: (
    participant: StageParticipantInfo,
    stream: StageStream,
  ) => void;
  [StageEvents.STAGE_STREAM_ADAPTION_CHANGED]: (
    participant: StageParticipantInfo,
    stream: RemoteStageStream,
    isAdapting: boolean,
  ) => void;
  [StageEvents.STAGE_STREAM_LAYERS_CHANGED]: (
    participant: StageParticipantInfo,
    stream: RemoteStageStream,
    layers: StageStreamLayer[],
  ) => void;
  [StageEvents.STAGE_STREAM_LAYER_SELECTED]: (
    participant: StageParticipantInfo,
    stream: RemoteStageStream,
    layer: StageStreamLayer | undefined,
    reason: StageStreamLayerSelectedReason,
  ) => void;
  [StageEvents.STAGE_LEFT]: (reason: StageLeftReason) => void;
  [StageEvents.ERROR]: (error: StageError) => void;
}
