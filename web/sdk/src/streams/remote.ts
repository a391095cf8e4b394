import { RemoteStageStreamEvents, StageStreamLayerSelectedReason, StreamType } from '../enums.js';
import type { LayerInfo } from '../signal/frames.js';
import { StageStream } from './stream.js';

/** One of the forms in which a publisher sends its video. */
export interface StageStreamLayer {
  /** Names it among the layers of the stream. */
  label: string;
  /** Bits per second; 0 while it is not known, like the other numbers. */
  bitrateBps: number;
  framesPerSecond: number;
  /** In pixels. */
  width: number;
  height: number;
  /** True for the one that is received. */
  selected: boolean;
}

/** What the listeners of each event of a remote stream are called with. */
export interface RemoteStageStreamEventMap {
  [RemoteStageStreamEvents.ADAPTION_CHANGED]: (isAdapting: boolean) => void;
  [RemoteStageStreamEvents.LAYERS_CHANGED]: (layers: StageStreamLayer[]) => void;
  [RemoteStageStreamEvents.LAYER_SELECTED]: (
    layer: StageStreamLayer | undefined,
    reason: StageStreamLayerSelectedReason,
  ) => void;
}

/** What a change of the layers has to be told to the application. */
export interface LayerNews {
  adaption?: boolean;
  layers?: StageStreamLayer[];
  selected?: { layer: StageStreamLayer | undefined; reason: StageStreamLayerSelectedReason };
}

/** What a publisher's only form is called when it has no name. */
const onlyLabel = 'default';

/** A medium that another participant sends. The SDK makes it; applications get it by events. */
export class RemoteStageStream extends StageStream<RemoteStageStreamEventMap> {
  #layers: readonly LayerInfo[] = [];
  #selected: string | undefined;
  #isPaused = false;
  #preferred: string | undefined;

  /** @internal */
  constructor(track: MediaStreamTrack) {
    super(track);
  }

  /** True while the server picks the layer, false while the application does. */
  get isAdapting(): boolean {
    return this.#preferred === undefined;
  }

  /** The layers of a video, from the smallest to the largest; none of an audio. */
  getLayers(): StageStreamLayer[] {
    if (this.streamType !== StreamType.VIDEO) return [];
    if (this.#layers.length > 0)
      return this.#layers.map((layer) =>
        this.#describe(layer, !this.#isPaused && layer.rid === this.#selected),
      );
    const { width = 0, height = 0 } = this.mediaStreamTrack.getSettings();
    const only = { rid: onlyLabel, width, height, active: true, bitrate: 0, framerate: 0 };
    return [this.#describe(only, !this.#isPaused)];
  }

  /** The layer that is received; undefined while none is. */
  getSelectedLayer(): StageStreamLayer | undefined {
    return this.getLayers().find((layer) => layer.selected);
  }

  getLowestQualityLayer(): StageStreamLayer | undefined {
    return this.getLayers()[0];
  }

  getHighestQualityLayer(): StageStreamLayer | undefined {
    return this.getLayers().at(-1);
  }

  /** Mutes the playback on this device only; the publisher's next change overrules it. */
  setMuted(muted: boolean): void {
    this.mediaStreamTrack.enabled = !muted;
  }

  /** Takes what the publisher now sends. @internal */
  setLayers(layers: readonly LayerInfo[]): LayerNews {
    const before = JSON.stringify(this.getLayers());
    this.#layers = layers;
    const now = this.getLayers();
    return JSON.stringify(now) === before ? {} : { layers: now };
  }

  /** Takes what the application wants; undefined leaves the choice to the server. @internal */
  prefer(label: string | undefined): LayerNews {
    const wasAdapting = this.isAdapting;
    this.#preferred = label;
    return this.isAdapting === wasAdapting ? {} : { adaption: this.isAdapting };
  }

  /** Takes what the server sends: a layer, or nothing for now. @internal */
  select(label: string, isPaused: boolean): LayerNews {
    if (label === this.#selected && isPaused === this.#isPaused) return {};
    const isFirst = this.#selected === undefined;
    this.#selected = label;
    this.#isPaused = isPaused;
    const layer = this.getSelectedLayer();
    // What comes as the only one there is was not selected by anybody.
    if (isFirst && !isPaused && this.#layers.length === 0) return {};
    const isWanted = layer !== undefined && (this.#preferred ?? label) === label;
    const { SELECTED, UNAVAILABLE } = StageStreamLayerSelectedReason;
    return { selected: { layer, reason: isWanted ? SELECTED : UNAVAILABLE } };
  }

  #describe(
    { rid, width, height, bitrate, framerate }: LayerInfo,
    selected: boolean,
  ): StageStreamLayer {
    return {
      label: rid,
      bitrateBps: bitrate,
      framesPerSecond: framerate,
      width,
      height,
      selected,
    };
  }
}
