import type { TokenClaims } from '../token.js';
import type { RemoteInfo } from '../signal/frames.js';
import type { LocalStageStream } from '../streams/local.js';

export type StageParticipantCapability = 'publish' | 'subscribe';

/** Who somebody on the stage is, and what can be said of them now. One object per participant. */
export interface StageParticipantInfo {
  readonly id: string;
  readonly userId: string;
  readonly attributes: Record<string, string>;
  /** Free for the application. */
  readonly userInfo: Record<string, unknown>;
  readonly isLocal: boolean;
  isPublishing: boolean;
  audioMuted: boolean;
  videoStopped: boolean;
  readonly capabilities: Set<StageParticipantCapability>;
}

/** The participant of this stage object, with the streams that it publishes. */
export interface LocalParticipantInfo extends StageParticipantInfo {
  audioStream: LocalStageStream | undefined;
  videoStream: LocalStageStream | undefined;
}

/** Describes the owner of a token. */
export function localParticipant(claims: TokenClaims): LocalParticipantInfo {
  return {
    id: claims.participantId,
    userId: claims.userId,
    attributes: claims.attributes,
    userInfo: {},
    isLocal: true,
    isPublishing: false,
    audioMuted: false,
    videoStopped: false,
    capabilities: capabilitiesOf(claims),
    audioStream: undefined,
    videoStream: undefined,
  };
}

/** What the owner of a token may do. */
export function capabilitiesOf(claims: TokenClaims): Set<StageParticipantCapability> {
  const capabilities = new Set<StageParticipantCapability>();
  if (claims.allowPublish) capabilities.add('publish');
  if (claims.allowSubscribe) capabilities.add('subscribe');
  return capabilities;
}

/** Describes a publisher that the server announced. That it may publish is all that is known. */
export function remoteParticipant(info: RemoteInfo): StageParticipantInfo {
  return {
    id: info.id,
    userId: info.userId,
    attributes: info.attributes,
    userInfo: {},
    isLocal: false,
    isPublishing: info.isPublishing,
    audioMuted: info.audioMuted,
    videoStopped: info.videoStopped,
    capabilities: new Set(['publish']),
  };
}
