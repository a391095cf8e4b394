import { InitialLayerPreference, StreamType } from '../enums.js';
import type { ClientFrame, LayerInfo, SubscriptionStateFrame } from '../signal/frames.js';
import type { LayerNews, RemoteStageStream } from '../streams/remote.js';

export interface ViewOptions {
  participantId: string;
  /** Sends a frame; false when the stage is not connected. */
  send(frame: ClientFrame): boolean;
  /** Asks the application for the label of a layer; undefined leaves the choice to the server. */
  preferred(stream: RemoteStageStream): string | undefined;
  onNews(stream: RemoteStageStream, news: LayerNews): void;
}

interface Wish {
  layer: string;
  audio: boolean;
  video: boolean;
}

const auto = 'auto';
/** What the server does for whoever says nothing. */
const unspoken = JSON.stringify({ layer: auto, audio: true, video: true } satisfies Wish);

/**
 * View is how one publisher is watched: which layers there are, which one the server sends, which
 * one is wanted, and whether its sound and its picture are wanted at all.
 */
export class View {
  readonly #options: ViewOptions;
  #stream: RemoteStageStream | undefined;
  #layers: readonly LayerInfo[];
  #state: SubscriptionStateFrame | undefined;
  #wish: Wish = { layer: auto, audio: true, video: true };
  #told = unspoken;
  /** True while a new subscription is to show the highest layer before it adapts. */
  #startsHigh = false;

  constructor(layers: readonly LayerInfo[], options: ViewOptions) {
    this.#layers = layers;
    this.#options = options;
  }

  /** A new subscription begins. */
  begin(preference: InitialLayerPreference | undefined): void {
    this.#state = undefined;
    this.#startsHigh = preference === InitialLayerPreference.HIGHEST_QUALITY;
    this.ask();
  }

  /** Says again what is wanted, because the server may have forgotten it. */
  repeat(): void {
    if (this.#told !== unspoken) this.#told = '';
    this.#tell();
  }

  /** What of the publisher is wanted at all. */
  want(kinds: readonly StreamType[]): void {
    this.#wish.audio = kinds.includes(StreamType.AUDIO);
    this.#wish.video = kinds.includes(StreamType.VIDEO);
    this.#tell();
  }

  /** Takes the stream that shows the video; undefined when there is none any more. */
  show(stream: RemoteStageStream | undefined): void {
    this.#stream = stream;
    if (stream === undefined) return;
    this.#news(stream.setLayers(this.#layers));
    this.ask();
    this.#select();
  }

  /** Takes the layers that the publisher now sends. */
  offer(layers: readonly LayerInfo[]): void {
    const isNew = JSON.stringify(layers.map(ridOf)) !== JSON.stringify(this.#layers.map(ridOf));
    this.#layers = layers;
    if (this.#stream !== undefined) this.#news(this.#stream.setLayers(layers));
    if (isNew) this.ask();
  }

  /** Takes what the server now sends. */
  update(state: SubscriptionStateFrame): void {
    this.#state = state;
    this.#select();
    if (!this.#startsHigh || state.layer !== this.#highest()) return;
    this.#startsHigh = false;
    this.ask();
  }

  /** Asks the application which layer it wants, and tells the server if that is another. */
  ask(): void {
    const label = this.#stream === undefined ? undefined : this.#options.preferred(this.#stream);
    if (this.#stream !== undefined) this.#news(this.#stream.prefer(label));
    const wanted = label ?? (this.#startsHigh ? this.#highest() : undefined);
    this.#wish.layer = this.#layers.find((layer) => layer.rid === wanted)?.rid ?? auto;
    this.#tell();
  }

  #highest(): string | undefined {
    return this.#layers.at(-1)?.rid;
  }

  #select(): void {
    const { layer, paused } = this.#state ?? {};
    if (this.#stream === undefined || layer === undefined) return;
    this.#news(this.#stream.select(layer, paused === true));
  }

  #news(news: LayerNews): void {
    if (this.#stream !== undefined) this.#options.onNews(this.#stream, news);
  }

  #tell(): void {
    const text = JSON.stringify(this.#wish);
    if (text === this.#told) return;
    const payload = { participantId: this.#options.participantId, ...this.#wish };
    if (this.#options.send({ type: 'SET_SUBSCRIPTION', payload })) this.#told = text;
  }
}

function ridOf({ rid }: LayerInfo): string {
  return rid;
}
