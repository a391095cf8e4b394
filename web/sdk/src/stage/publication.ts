import { StageErrorCategory, StageParticipantPublishState, StreamType } from '../enums.js';
import { toStageError, type StageError } from '../errors.js';
import { Leg } from '../media/leg.js';
import type { LocalMedia, PathHelp, Platform } from '../peer/platform.js';
import { localMedia, type LocalStageStream } from '../streams/local.js';

export interface PublicationObserver {
  onState(state: StageParticipantPublishState): void;
  onAdded(streams: LocalStageStream[]): void;
  onRemoved(streams: LocalStageStream[]): void;
  /** The application muted or unmuted a stream, or put a differently muted one in its place. */
  onMute(stream: LocalStageStream): void;
  onError(error: StageError): void;
}

export interface PublicationOptions {
  platform: Platform;
  url: string;
  token(): string;
  help: PathHelp;
  observer: PublicationObserver;
}

interface Slot {
  stream: LocalStageStream;
  muted: boolean;
  onMute: () => void;
}

const { NOT_PUBLISHED, ATTEMPTING_PUBLISH, PUBLISHED, ERRORED } = StageParticipantPublishState;

/**
 * Publication brings what this participant sends in line with what its strategy wants: it opens
 * and closes the media session, and changes tracks in place.
 */
export class Publication {
  readonly #options: PublicationOptions;
  readonly #slots = new Map<StreamType, Slot>();
  #leg: Leg | undefined;
  #state = NOT_PUBLISHED;
  /** What the server has said of the layers of the present session: whether anybody watches them. */
  #wanted = new Map<string, boolean>();

  constructor(options: PublicationOptions) {
    this.#options = options;
  }

  /** Publishes the first stream of each kind; nothing at all stops publishing. */
  apply(streams: readonly (LocalStageStream | null | undefined)[]): void {
    const wanted = new Map<StreamType, LocalStageStream>();
    for (const stream of streams) {
      if (stream && !wanted.has(stream.streamType)) wanted.set(stream.streamType, stream);
    }
    if (wanted.size === 0) {
      this.halt({ tellServer: true });
      return this.rest();
    }
    const { added, removed } = this.#fill(wanted);
    if (this.#state === PUBLISHED) {
      if (removed.length > 0) this.#options.observer.onRemoved(removed);
      if (added.length > 0) this.#options.observer.onAdded(added);
    }
    if (this.#leg === undefined) this.#start();
  }

  /** Stops sending; the application's tracks go on. `rest` then says so. */
  halt(options: { tellServer: boolean }): void {
    this.#leg?.close(options);
    this.#leg = undefined;
    const streams = this.#streams();
    for (const kind of [...this.#slots.keys()]) this.#vacate(kind);
    if (this.#state === PUBLISHED) this.#options.observer.onRemoved(streams);
  }

  rest(): void {
    this.#setState(NOT_PUBLISHED);
  }

  /** Makes a new session, because the server knows none from before that time any more. */
  restart(before: number): void {
    if (this.#leg !== undefined) this.#leg.restart(before);
    else if (this.#slots.size > 0) this.#start();
  }

  /** The server has ended it for what is sent: to send the same again would end the same way. */
  refuse(error: StageError): void {
    if (this.#leg === undefined) return;
    this.#leg.close({ tellServer: true });
    this.#leg = undefined;
    if (this.#state === PUBLISHED) this.#options.observer.onRemoved(this.#streams());
    this.#setState(ERRORED);
    this.#options.observer.onError(error);
  }

  /** The device is on another network. */
  moved(): void {
    this.#leg?.moved();
  }

  /** Sends the layers that somebody watches, and stops the others. */
  activate(layers: readonly { rid: string; wanted: boolean }[]): void {
    for (const { rid, wanted } of layers) this.#wanted.set(rid, wanted);
    this.#activate();
  }

  #start(): void {
    const { platform, url, token, help } = this.#options;
    this.#leg = new Leg({
      platform,
      url,
      token,
      help,
      peerOptions: () => {
        // A new session begins with all its layers.
        this.#wanted.clear();
        return { direction: 'send', media: this.#media() };
      },
      observer: {
        onUp: () => this.#up(),
        onDown: () => {
          this.#options.observer.onRemoved(this.#streams());
          this.#setState(ATTEMPTING_PUBLISH);
        },
        onFailed: (error) => {
          this.#leg = undefined;
          this.#setState(ERRORED);
          this.#options.observer.onError(toStageError(error, StageErrorCategory.PUBLISH_ERROR));
        },
      },
    });
    this.#setState(ATTEMPTING_PUBLISH);
    this.#leg.open();
  }

  #up(): void {
    // Tracks may have changed while the session was being made.
    for (const kind of [StreamType.AUDIO, StreamType.VIDEO]) this.#replace(kind);
    this.#activate();
    this.#setState(PUBLISHED);
    this.#options.observer.onAdded(this.#streams());
  }

  #fill(wanted: Map<StreamType, LocalStageStream>): {
    added: LocalStageStream[];
    removed: LocalStageStream[];
  } {
    const added: LocalStageStream[] = [];
    const removed: LocalStageStream[] = [];
    for (const kind of [StreamType.AUDIO, StreamType.VIDEO]) {
      const before = this.#slots.get(kind);
      const after = wanted.get(kind);
      const same = before?.stream.mediaStreamTrack === after?.mediaStreamTrack;
      if (before !== undefined) this.#vacate(kind);
      if (after !== undefined) this.#occupy(kind, after);
      if (same) {
        if (after && before && after.isMuted !== before.muted) this.#options.observer.onMute(after);
        continue;
      }
      if (before !== undefined) removed.push(before.stream);
      if (after !== undefined) added.push(after);
      this.#replace(kind);
    }
    return { added, removed };
  }

  #occupy(kind: StreamType, stream: LocalStageStream): void {
    const onMute = () => {
      slot.muted = stream.isMuted;
      this.#options.observer.onMute(stream);
    };
    const slot: Slot = { stream, muted: stream.isMuted, onMute };
    stream.on('muteChanged', onMute);
    stream.setStatsSource(async (track) => this.#leg?.stats(track));
    this.#slots.set(kind, slot);
  }

  #vacate(kind: StreamType): void {
    const slot = this.#slots.get(kind);
    if (slot === undefined) return;
    slot.stream.off('muteChanged', slot.onMute);
    slot.stream.setStatsSource(undefined);
    this.#slots.delete(kind);
  }

  #replace(kind: StreamType): void {
    this.#leg?.replace(kind, this.#media()[kind]).catch((thrown: unknown) => {
      this.#options.observer.onError(toStageError(thrown, StageErrorCategory.PUBLISH_ERROR));
    });
  }

  #activate(): void {
    if (this.#wanted.size === 0) return;
    // A session that ends meanwhile takes its layers with it.
    this.#leg?.activate(this.#wanted).catch(() => undefined);
  }

  #media(): Partial<Record<StreamType, LocalMedia>> {
    return Object.fromEntries(
      [...this.#slots].map(([kind, slot]) => [kind, localMedia(slot.stream)]),
    );
  }

  #streams(): LocalStageStream[] {
    return [...this.#slots.values()].map((slot) => slot.stream);
  }

  #setState(state: StageParticipantPublishState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.observer.onState(state);
  }
}
