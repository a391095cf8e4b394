/** Where a stage stands with its server. */
export enum StageConnectionState {
  DISCONNECTED = 'disconnected',
  CONNECTING = 'connecting',
  CONNECTED = 'connected',
  ERRORED = 'errored',
}

/** How far publishing has come. */
export enum StageParticipantPublishState {
  NOT_PUBLISHED = 'not_published',
  ATTEMPTING_PUBLISH = 'attempting_publish',
  PUBLISHED = 'published',
  ERRORED = 'errored',
}

/** How far subscribing to one participant has come. */
export enum StageParticipantSubscribeState {
  NOT_SUBSCRIBED = 'not_subscribed',
  ATTEMPTING_SUBSCRIBE = 'attempting_subscribe',
  SUBSCRIBED = 'subscribed',
  ERRORED = 'errored',
}

/** What a strategy wants of a participant. */
export enum SubscribeType {
  NONE = 'none',
  AUDIO_ONLY = 'audio_only',
  AUDIO_VIDEO = 'audio_video',
}

/** The medium of a stream. */
export enum StreamType {
  VIDEO = 'video',
  AUDIO = 'audio',
}

/** Why a stage was left. */
export enum StageLeftReason {
  USER_INITIATED = 'user-initiated',
  STAGE_DELETED = 'stage-deleted',
  PARTICIPANT_DISCONNECTED = 'participant-disconnected',
  TOKEN_REUSED = 'token-reused',
  UNKNOWN = 'unknown',
  FAILED_EXCHANGE = 'failed-exchange',
  REAL_TIME_CONNECTION_FORCED_LEAVE = 'real-time-connection-forced-leave',
  REAL_TIME_CONNECTION_TOKEN_REVOCATION = 'real-time-connection-token-revocation',
}

/** Steps of the playout delay a viewer may ask for. */
export enum JitterBufferMinDelay {
  DEFAULT = 'default',
  LOW = 'low',
  MEDIUM = 'medium',
  HIGH = 'high',
}

/** Which layer a new subscription starts with. */
export enum InitialLayerPreference {
  LOWEST_QUALITY = 'lowest_quality',
  HIGHEST_QUALITY = 'highest_quality',
}

/** Why a layer was chosen for a stream. */
export enum StageStreamLayerSelectedReason {
  SELECTED = 'selected',
  /** The wanted layer cannot be had; the best one that can is given. */
  UNAVAILABLE = 'unavailable',
}

/** The events of a stream that somebody else sends. */
export enum RemoteStageStreamEvents {
  ADAPTION_CHANGED = 'ADAPTION_CHANGED',
  LAYERS_CHANGED = 'LAYERS_CHANGED',
  LAYER_SELECTED = 'LAYER_SELECTED',
}

/** How good a network path is; larger is better. */
export enum NetworkQuality {
  DOWN = 0,
  POOR = 1,
  NORMAL = 2,
  GOOD = 3,
  EXCELLENT = 4,
}

/** What was being done when an error came up. */
export enum StageErrorCategory {
  JOIN_ERROR = 'JOIN_ERROR',
  PUBLISH_ERROR = 'PUBLISH_ERROR',
  SUBSCRIBE_ERROR = 'SUBSCRIBE_ERROR',
}

/** What went wrong; numeric, so that `StageErrorCode[code]` gives the name. */
export enum StageErrorCode {
  TOKEN_MALFORMED = 1,
  TOKEN_EXPIRED = 2,
  TIMEOUT = 3,
  FAILED = 4,
  CANCELED = 5,
  STAGE_AT_CAPACITY = 6,
  CODEC_MISMATCH = 7,
  TOKEN_NOT_ALLOWED = 8,
  STAGE_DELETED = 9,
  PARTICIPANT_DISCONNECTED = 10,
  TOKEN_EXCHANGE_FAILED = 11,
}

/** The events of a stage. */
export enum StageEvents {
  STAGE_CONNECTION_STATE_CHANGED = 'stageConnectionStateChanged',
  STAGE_PARTICIPANT_JOINED = 'stageParticipantJoined',
  STAGE_PARTICIPANT_LEFT = 'stageParticipantLeft',
  STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED = 'stageParticipantPublishStateChanged',
  STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED = 'stageParticipantSubscribeStateChanged',
  STAGE_PARTICIPANT_STREAMS_ADDED = 'stageParticipantStreamsAdded',
  STAGE_PARTICIPANT_STREAMS_REMOVED = 'stageParticipantStreamsRemoved',
  STAGE_PARTICIPANT_METADATA_CHANGED = 'stageParticipantMetadataChanged',
  STAGE_STREAM_MUTE_CHANGED = 'stageStreamMuteChanged',
  STAGE_STREAM_ADAPTION_CHANGED = 'stageStreamAdaptionChanged',
  STAGE_STREAM_LAYERS_CHANGED = 'stageStreamLayersChanged',
  STAGE_STREAM_LAYER_SELECTED = 'stageStreamLayerSelected',
  STAGE_STREAM_SEI_MESSAGE_RECEIVED = 'stageStreamSeiMessageReceived',
  STAGE_LEFT = 'stageLeft',
  ERROR = 'error',
}
