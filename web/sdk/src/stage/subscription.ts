import {
  StageErrorCategory,
  StageParticipantSubscribeState,
  StreamType,
  SubscribeType,
} from '../enums.js';
import { toStageError, type StageError } from '../errors.js';
import { Leg } from '../media/leg.js';
import type { PathHelp, Platform } from '../peer/platform.js';
import { RemoteStageStream } from '../streams/remote.js';

export interface SubscriptionObserver {
  onState(state: StageParticipantSubscribeState): void;
  onAdded(streams: RemoteStageStream[]): void;
  onRemoved(streams: RemoteStageStream[]): void;
  onMute(stream: RemoteStageStream): void;
  /** A subscription is about to be made. */
  onBegin(): void;
  /** A session has begun: the server knows nothing of earlier wishes. */
  onUp(): void;
  /** What is wanted of what is carried. */
  onWanted(kinds: readonly StreamType[]): void;
  onError(error: StageError): void;
}

export interface SubscriptionOptions {
  platform: Platform;
  /** Subscribe URL of the publisher. */
  url: string;
  token(): string;
  help: PathHelp;
  observer: SubscriptionObserver;
}

/** What the publisher says of its media. */
export interface Offered {
  /** Empty as long as nobody knows. */
  kinds: readonly string[];
  audioMuted: boolean;
  videoStopped: boolean;
}

const { NOT_SUBSCRIBED, ATTEMPTING_SUBSCRIBE, SUBSCRIBED, ERRORED } =
  StageParticipantSubscribeState;

const wants: Record<SubscribeType, readonly StreamType[]> = {
  [SubscribeType.NONE]: [],
  [SubscribeType.AUDIO_ONLY]: [StreamType.AUDIO],
  [SubscribeType.AUDIO_VIDEO]: [StreamType.AUDIO, StreamType.VIDEO],
};

/**
 * Subscription brings what is received of one publisher in line with what the strategy wants and
 * what the publisher sends.
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  #leg: Leg | undefined;
  #state = NOT_SUBSCRIBED;
  #delayMs = 0;
  #wanted: readonly StreamType[] = [];
  /** What the present session was asked to carry. */
  #carried: readonly StreamType[] = [];
  #offered: Offered;
  #tracks: MediaStreamTrack[] = [];
  #streams = new Map<StreamType, RemoteStageStream>();

  constructor(offered: Offered, options: SubscriptionOptions) {
    this.#offered = offered;
    this.#options = options;
  }

  want(type: SubscribeType): void {
    this.#wanted = wants[type] ?? [];
    if (this.#wanted.length === 0) {
      this.halt({ tellServer: true });
      return this.rest();
    }
    if (this.#leg !== undefined && this.#wanted.some((kind) => !this.#carried.includes(kind))) {
      const wanted = this.#wanted;
      this.halt({ tellServer: true });
      this.#wanted = wanted;
    }
    this.#options.observer.onWanted(this.#wanted);
    if (this.#leg === undefined) this.#start();
    else this.#settle();
  }

  /** Plays at least that many milliseconds late. */
  delay(ms: number): void {
    this.#delayMs = ms;
    this.#leg?.delay(ms);
  }

  /** The device is on another network. */
  moved(): void {
    this.#leg?.moved();
  }

  /** Takes what the publisher now says. */
  offer(offered: Offered): void {
    const before = this.#offered;
    this.#offered = offered;
    this.#settle();
    for (const stream of this.#streams.values()) {
      const muted = mutedIn(offered, stream.streamType);
      if (muted === mutedIn(before, stream.streamType)) continue;
      stream.setMuted(muted);
      this.#options.observer.onMute(stream);
    }
  }

  /** Stops receiving; `rest` then says so. */
  halt(options: { tellServer: boolean }): void {
    this.#wanted = [];
    this.#leg?.close(options);
    this.#leg = undefined;
    this.#clear();
  }

  rest(): void {
    this.#setState(NOT_SUBSCRIBED);
  }

  /** Makes a new session, because the server knows none from before that time any more. */
  restart(before: number): void {
    if (this.#leg !== undefined) this.#leg.restart(before);
    else if (this.#wanted.length > 0) this.#start();
  }

  /** The statistics of the picture that is received, if one is. */
  async videoStats(): Promise<RTCStatsReport | undefined> {
    const track = this.#tracks.find(({ kind }) => kind === 'video');
    return track === undefined ? undefined : this.#leg?.stats(track);
  }

  #start(): void {
    const { platform, url, token, help, observer } = this.#options;
    this.#carried = this.#wanted;
    const kinds = this.#carried;
    observer.onBegin();
    this.#leg = new Leg({
      platform,
      url,
      token,
      help,
      peerOptions: () => ({ direction: 'receive', kinds }),
      observer: {
        onUp: (tracks) => {
          this.#tracks = tracks;
          observer.onUp();
          this.#setState(SUBSCRIBED);
          this.#settle();
        },
        onDown: () => {
          this.#clear();
          this.#setState(ATTEMPTING_SUBSCRIBE);
        },
        onFailed: (error) => {
          this.#leg = undefined;
          this.#setState(ERRORED);
          observer.onError(toStageError(error, StageErrorCategory.SUBSCRIBE_ERROR));
        },
      },
    });
    this.#leg.delay(this.#delayMs);
    this.#setState(ATTEMPTING_SUBSCRIBE);
    this.#leg.open();
  }

  #clear(): void {
    const gone = [...this.#streams.values()];
    this.#tracks = [];
    this.#streams.clear();
    if (gone.length > 0) this.#options.observer.onRemoved(gone);
  }

  // Shows the tracks that have arrived, are sent and are wanted; hides the others.
  #settle(): void {
    const removed = [...this.#streams.values()].filter((s) => !this.#shows(s.streamType));
    for (const stream of removed) this.#streams.delete(stream.streamType);
    if (removed.length > 0) this.#options.observer.onRemoved(removed);
    const added: RemoteStageStream[] = [];
    for (const track of this.#tracks) {
      const stream = new RemoteStageStream(track);
      if (!this.#shows(stream.streamType) || this.#streams.has(stream.streamType)) continue;
      stream.setMuted(mutedIn(this.#offered, stream.streamType));
      stream.setStatsSource(async (t) => this.#leg?.stats(t));
      this.#streams.set(stream.streamType, stream);
      added.push(stream);
    }
    if (added.length > 0) this.#options.observer.onAdded(added);
  }

  #shows(kind: StreamType): boolean {
    const { kinds } = this.#offered;
    return this.#wanted.includes(kind) && (kinds.length === 0 || kinds.includes(kind));
  }

  #setState(state: StageParticipantSubscribeState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.observer.onState(state);
  }
}

function mutedIn(offered: Offered, kind: StreamType): boolean {
  return kind === StreamType.AUDIO ? offered.audioMuted : offered.videoStopped;
}
