import type { SubscribeType } from '../enums.js';
import type { LocalStageStream } from '../streams/local.js';
import type { StageParticipantInfo } from './participant.js';

/**
 * What an application wants of a stage. The stage asks when something changes and whenever it is
 * told to refresh; the answers are wishes about the present state, not commands.
 */
export interface StageStrategy {
  /** The streams to publish; missing entries are skipped. */
  stageStreamsToPublish(): (LocalStageStream | null | undefined)[];
  /** Asked for the local participant only. */
  shouldPublishParticipant(participant: StageParticipantInfo): boolean;
  /** Asked for everybody else. */
  shouldSubscribeToParticipant(participant: StageParticipantInfo): SubscribeType;
}
