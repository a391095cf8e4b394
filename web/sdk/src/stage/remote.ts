import {
  JitterBufferMinDelay,
  RemoteStageStreamEvents,
  StageEvents,
  StageParticipantSubscribeState,
  StreamType,
  SubscribeType,
} from '../enums.js';
import { clamp } from '../limits.js';
import { Cushion, receivedOf } from '../media/cushion.js';
import type { PathHelp, Platform } from '../peer/platform.js';
import type { ClientFrame, RemoteInfo, SubscriptionStateFrame } from '../signal/frames.js';
import type { LayerNews, RemoteStageStream } from '../streams/remote.js';
import { remoteParticipant, type StageParticipantInfo } from './participant.js';
import { playedOf, type Played } from './stats.js';
import type { StageStrategy, SubscribeConfiguration } from './strategy.js';
import { Subscription, type Offered } from './subscription.js';
import { View } from './view.js';

export interface RemoteOptions {
  platform: Platform;
  token(): string;
  help: PathHelp;
  whipUrl: string;
  allowSubscribe(): boolean;
  /** Whether the local participant publishes, and so talks with the others. */
  isPublishing(): boolean;
  emit(event: StageEvents, ...args: unknown[]): void;
  /** Sends a frame; false when the stage is not connected. */
  send(frame: ClientFrame): boolean;
}

const delays: Record<JitterBufferMinDelay, number> = {
  [JitterBufferMinDelay.DEFAULT]: 0,
  [JitterBufferMinDelay.LOW]: 100,
  [JitterBufferMinDelay.MEDIUM]: 250,
  [JitterBufferMinDelay.HIGH]: 500,
};
const maxDelayMs = 10_000;
/** How often the line is looked at. */
const cushionEveryMs = 2000;

/** Remote is somebody else on the stage: who it is and what is received of it. */
export class Remote {
  readonly info: StageParticipantInfo;
  readonly #options: RemoteOptions;
  readonly #subscription: Subscription;
  readonly #view: View;
  #strategy: StageStrategy | undefined;
  #configuration: SubscribeConfiguration = {};
  #cushion = new Cushion();
  #cushionMs = 0;
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(info: RemoteInfo, options: RemoteOptions) {
    this.#options = options;
    this.info = remoteParticipant(info);
    this.#view = new View(info.layers, {
      participantId: info.id,
      send: options.send,
      preferred: (stream) => this.#preferred(stream),
      onNews: (stream, news) => this.#tell(stream, news),
    });
    this.#subscription = this.#newSubscription(info);
  }

  /** Subscribes to what the strategy now says. */
  apply(strategy: StageStrategy): void {
    if (!this.#options.allowSubscribe()) return;
    this.#strategy = strategy;
    const type = strategy.shouldSubscribeToParticipant(this.info);
    if (type !== SubscribeType.NONE) {
      this.#configuration = strategy.subscribeConfiguration?.(this.info) ?? {};
      this.setDelay();
    }
    this.#subscription.want(type);
    this.#view.ask();
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
    this.#view.offer(info.layers);
  }

  /** Takes what the server says of the subscription. */
  subscriptionChanged(state: SubscriptionStateFrame): void {
    this.#view.update(state);
  }

  /**
   * Plays as late as the strategy wants and the line needs, or as early as possible while one talks
   * with the others.
   */
  setDelay(): void {
    const minDelay = this.#configuration.jitterBuffer?.minDelay;
    const ms = typeof minDelay === 'string' ? delays[minDelay] : minDelay;
    const delay = Math.max(clamp(ms, 0, maxDelayMs, 0), this.#cushionMs);
    this.#subscription.delay(this.#options.isPublishing() ? 0 : delay);
  }

  /** The device is on another network. */
  moved(): void {
    this.#subscription.moved();
  }

  /** The socket is back; with `forgotten` the server knows nothing from before that time. */
  reconnected(forgotten: number | undefined): void {
    this.#view.repeat();
    if (forgotten !== undefined) this.#subscription.restart(forgotten);
  }

  /** Stops receiving, for leaving; `rest` then says so. */
  halt(options: { tellServer: boolean }): void {
    this.#watchLine(false);
    this.#subscription.halt(options);
  }

  rest(): void {
    this.#subscription.rest();
  }

  /** What this page's player has done with the participant's picture. */
  async played(): Promise<Played | undefined> {
    return playedOf(this.info.id, await this.#subscription.videoStats());
  }

  // Looks at what the line loses for as long as something comes over it.
  #watchLine(isOn: boolean): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
    if (!isOn) return;
    this.#cushion = new Cushion();
    this.#watch = setInterval(() => void this.#lookAtLine(), cushionEveryMs);
  }

  async #lookAtLine(): Promise<void> {
    const received = receivedOf(await this.#subscription.videoStats().catch(() => undefined));
    if (received === undefined || this.#watch === undefined) return;
    const ms = this.#cushion.next(received, Date.now());
    if (ms === this.#cushionMs) return;
    this.#cushionMs = ms;
    this.setDelay();
  }

  #newSubscription(info: RemoteInfo): Subscription {
    const { platform, token, help, whipUrl, emit } = this.#options;
    const events = StageEvents;
    return new Subscription(offered(info), {
      platform,
      url: `${whipUrl}/subscribe/${encodeURIComponent(info.id)}`,
      token,
      help,
      observer: {
        onState: (state) => {
          this.#watchLine(state === StageParticipantSubscribeState.SUBSCRIBED);
          emit(events.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED, this.info, state);
        },
        onAdded: (streams) => {
          emit(events.STAGE_PARTICIPANT_STREAMS_ADDED, this.info, streams);
          const video = videoOf(streams);
          if (video !== undefined) this.#view.show(video);
        },
        onRemoved: (streams) => {
          if (videoOf(streams) !== undefined) this.#view.show(undefined);
          emit(events.STAGE_PARTICIPANT_STREAMS_REMOVED, this.info, streams);
        },
        onMute: (stream) => emit(events.STAGE_STREAM_MUTE_CHANGED, this.info, stream),
        onBegin: () => this.#view.begin(this.#configuration.simulcast?.initialLayerPreference),
        onUp: () => this.#view.repeat(),
        onWanted: (kinds) => this.#view.want(kinds),
        onError: (error) => emit(events.ERROR, error),
      },
    });
  }

  #preferred(stream: RemoteStageStream): string | undefined {
    const layer = this.#strategy?.preferredLayerForStream?.(this.info, stream);
    return (typeof layer === 'string' ? layer : layer?.label) || undefined;
  }

  #tell(stream: RemoteStageStream, { adaption, layers, selected }: LayerNews): void {
    const { emit } = this.#options;
    if (adaption !== undefined) {
      stream.emit(RemoteStageStreamEvents.ADAPTION_CHANGED, adaption);
      emit(StageEvents.STAGE_STREAM_ADAPTION_CHANGED, this.info, stream, adaption);
    }
    if (layers !== undefined) {
      stream.emit(RemoteStageStreamEvents.LAYERS_CHANGED, layers);
      emit(StageEvents.STAGE_STREAM_LAYERS_CHANGED, this.info, stream, layers);
    }
    if (selected !== undefined) {
      const { layer, reason } = selected;
      stream.emit(RemoteStageStreamEvents.LAYER_SELECTED, layer, reason);
      emit(StageEvents.STAGE_STREAM_LAYER_SELECTED, this.info, stream, layer, reason);
    }
  }
}

function videoOf(streams: readonly RemoteStageStream[]): RemoteStageStream | undefined {
  return streams.find((stream) => stream.streamType === StreamType.VIDEO);
}

function offered({ tracks, audioMuted, videoStopped }: RemoteInfo): Offered {
  return { kinds: tracks, audioMuted, videoStopped };
}
