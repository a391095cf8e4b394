import type { InitialLayerPreference, JitterBufferMinDelay, SubscribeType } from '../enums.js';
import type { LocalStageStream } from '../streams/local.js';
import type { RemoteStageStream, StageStreamLayer } from '../streams/remote.js';
import type { StageParticipantInfo } from './participant.js';

export interface JitterBufferConfiguration {
  /**
   * How late to play at least, in milliseconds (0 to 10000) or in a word; by default as early as
   * the line allows. Without effect while the local participant publishes.
   */
  minDelay?: number | JitterBufferMinDelay;
}

export interface SimulcastSubscribeConfiguration {
  /** Which layer a new subscription begins with; by default the lowest. */
  initialLayerPreference?: InitialLayerPreference;
}

/** How a participant is subscribed to. */
export interface SubscribeConfiguration {
  jitterBuffer?: JitterBufferConfiguration;
  simulcast?: SimulcastSubscribeConfiguration;
}

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
  /** Asked for those who are subscribed to. */
  subscribeConfiguration?(participant: StageParticipantInfo): SubscribeConfiguration | undefined;
  /**
   * Which layer of a video to receive: one of `getLayers()`, or the label of one. Nothing leaves
   * the choice to the server, which gives the best that the line can take.
   */
  preferredLayerForStream?(
    participant: StageParticipantInfo,
    stream: RemoteStageStream,
  ): StageStreamLayer | string | null | undefined;
}
