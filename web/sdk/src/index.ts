export {
  InitialLayerPreference,
  JitterBufferMinDelay,
  NetworkQuality,
  StageConnectionState,
  StageErrorCategory,
  StageErrorCode,
  StageEvents,
  StageLeftReason,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
  StreamType,
  SubscribeType,
} from './enums.js';
export { Emitter } from './emitter.js';
export { StageError } from './errors.js';
export {
  STAGE_MAX_AUDIO_BITRATE_KBPS,
  STAGE_MAX_AUDIO_BITRATE_KBPS_DEFAULT,
  STAGE_MAX_BITRATE,
  STAGE_MAX_FRAMERATE,
  STAGE_MAX_RESOLUTION,
  STAGE_MIN_AUDIO_BITRATE_KBPS,
  STAGE_MIN_BITRATE,
  STAGE_MIN_FRAMERATE,
  STAGE_MIN_RESOLUTION,
} from './limits.js';
export type { StageEventMap } from './stage/events.js';
export type {
  LocalParticipantInfo,
  StageParticipantCapability,
  StageParticipantInfo,
} from './stage/participant.js';
export { Stage, type StageConfiguration } from './stage/stage.js';
export type { StageStrategy } from './stage/strategy.js';
export {
  LocalStageStream,
  type StageAudioConfiguration,
  type StageStreamConfiguration,
  type StageVideoConfiguration,
} from './streams/local.js';
export { RemoteStageStream } from './streams/remote.js';
export { StageStream } from './streams/stream.js';
