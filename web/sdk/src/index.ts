export {
  InitialLayerPreference,
  JitterBufferMinDelay,
  NetworkQuality,
  RemoteStageStreamEvents,
  StageConnectionState,
  StageErrorCategory,
  StageErrorCode,
  StageEvents,
  StageLeftReason,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
  StageStreamLayerSelectedReason,
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
export type {
  JitterBufferConfiguration,
  SimulcastSubscribeConfiguration,
  StageStrategy,
  SubscribeConfiguration,
} from './stage/strategy.js';
export {
  SimulcastLayerPresets,
  type SimulcastConfiguration,
  type SimulcastLocalLayerConfiguration,
} from './streams/layers.js';
export {
  LocalStageStream,
  type StageAudioConfiguration,
  type StageStreamConfiguration,
  type StageVideoConfiguration,
} from './streams/local.js';
export {
  RemoteStageStream,
  type RemoteStageStreamEventMap,
  type StageStreamLayer,
} from './streams/remote.js';
export { StageStream } from './streams/stream.js';
