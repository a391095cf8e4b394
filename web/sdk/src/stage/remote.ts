import { StageEvents } from '../enums.js';
import type { Platform } from '../peer/platform.js';
import type { RemoteInfo } from '../signal/frames.js';
import { remoteParticipant, type StageParticipantInfo } from './participant.js';
import { playedOf, type Played } from './stats.js';
import type { StageStrategy } from './strategy.js';
import { Subscription, type Offered } from './subscription.js';

export interface RemoteOptions {
  platform: Platform;
  token: string;
  whipUrl: string;
  allowSubscribe: boolean;
  emit(event: StageEvents, ...args: unknown[]): void;
}

/** Remote is somebody else on the stage: who it is and what is received of it. */
export class Remote {
  readonly info: StageParticipantInfo;
  readonly #options: RemoteOptions;
  readonly #subscription: Subscription;

  constructor(info: RemoteInfo, options: RemoteOptions) {
    this.#options = options;
    this.info = remoteParticipant(info);
    this.#subscription = this.#newSubscription(info);
  }

  /** Subscribes to what the strategy now says. */
  apply(strategy: StageStrategy): void {
    if (!this.#options.allowSubscribe) return;
    this.#subscription.want(strategy.shouldSubscribeToParticipant(this.info));
  }

  update(info: RemoteInfo): void {
    const { userId, attributes, isPublishing, audioMuted, videoStopped } = info;
    const renamed =
      userId !== this.info.userId ||
      JSON.stringify(attributes) !== JSON.stringify(this.info.attributes);
    Object.assign(this.info, { userId, attributes, isPublishing, audioMuted, videoStopped });
    if (renamed) {
      this.#options.emit(StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED, this.info);
    }
    this.#subscription.offer(offered(info));
  }

  /** The socket is back; with `forgotten` the server knows nothing from before that time. */
  reconnected(forgotten: number | undefined): void {
    if (forgotten !== undefined) this.#subscription.restart(forgotten);
  }

  /** Stops receiving, for leaving; `rest` then says so. */
  halt(options: { tellServer: boolean }): void {
    this.#subscription.halt(options);
  }

  rest(): void {
    this.#subscription.rest();
  }

  /** What this page's player has done with the participant's picture. */
  async played(): Promise<Played | undefined> {
    return playedOf(this.info.id, await this.#subscription.videoStats());
  }

  #newSubscription(info: RemoteInfo): Subscription {
    const { platform, token, whipUrl, emit } = this.#options;
    return new Subscription(offered(info), {
      platform,
      url: `${whipUrl}/subscribe/${encodeURIComponent(info.id)}`,
      token,
      observer: {
        onState: (state) =>
          emit(StageEvents.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED, this.info, state),
        onAdded: (streams) => emit(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, this.info, streams),
        onRemoved: (streams) =>
          emit(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, this.info, streams),
        onMute: (stream) => emit(StageEvents.STAGE_STREAM_MUTE_CHANGED, this.info, stream),
        onError: (error) => emit(StageEvents.ERROR, error),
      },
    });
  }
}

function offered({ tracks, audioMuted, videoStopped }: RemoteInfo): Offered {
  return { kinds: tracks, audioMuted, videoStopped };
}
