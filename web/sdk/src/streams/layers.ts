import {
  clamp,
  STAGE_MAX_BITRATE,
  STAGE_MAX_FRAMERATE,
  STAGE_MAX_RESOLUTION,
  STAGE_MIN_BITRATE,
  STAGE_MIN_FRAMERATE,
  STAGE_MIN_RESOLUTION,
} from '../limits.js';
import type { Encoding } from '../peer/platform.js';

/** One layer of a video that is sent in several sizes. */
export interface SimulcastLocalLayerConfiguration {
  /** In pixels. */
  width: number;
  height: number;
  /** kbit/s */
  maxBitrateKbps: number;
  /** Frames per second. */
  maxFramerate: number;
}

export interface SimulcastConfiguration {
  /** Send the video in several sizes at once, so that each viewer gets what its line can take. */
  enabled: boolean;
  /** One to three layers; by default those that suit the picture's size. */
  layers?: SimulcastLocalLayerConfiguration[];
}

/** What of a video's configuration concerns its layers. */
export interface LayerWishes {
  /** kbit/s, within the limits. */
  maxBitrateKbps: number;
  maxFramerate: number;
  simulcast: SimulcastConfiguration | undefined;
}

type Layer = Readonly<SimulcastLocalLayerConfiguration>;

function preset(
  width: number,
  height: number,
  maxBitrateKbps: number,
  maxFramerate: number,
): Layer {
  return Object.freeze({ width, height, maxBitrateKbps, maxFramerate });
}

/** Layers to choose from, named by their height. */
export const SimulcastLayerPresets = Object.freeze({
  DEFAULT_160: preset(284, 160, 150, 15),
  DEFAULT_180: preset(320, 180, 200, 15),
  DEFAULT_270: preset(480, 270, 400, 15),
  DEFAULT_360: preset(640, 360, 700, 20),
  DEFAULT_480: preset(854, 480, 900, 30),
  DEFAULT_540: preset(960, 540, 1200, 30),
  DEFAULT_720: preset(1280, 720, 1700, 30),
});

/** What is sent below the largest picture unless the application says otherwise. */
const lowerDefaults = [SimulcastLayerPresets.DEFAULT_360, SimulcastLayerPresets.DEFAULT_180];
const topDefaultKbps = SimulcastLayerPresets.DEFAULT_720.maxBitrateKbps;
/** A layer less than this many times as high as the one below is no use to anybody. */
const leastStep = 1.9;
/** With less than this for all, one good picture is better than several bad ones. */
const leastKbpsForSimulcast = 900;
const maxLayers = 3;
/** How far the shape of a layer may be from that of the largest. */
const shapeTolerance = 0.02;
/** Stages carry pictures of up to 720 lines; larger ones are sent smaller. */
const maxLines = 720;

const names: Record<number, readonly string[]> = {
  2: ['low', 'high'],
  3: ['low', 'mid', 'high'],
};

/** Throws a RangeError for layers that cannot be sent. */
export function checkLayers({ maxBitrateKbps, maxFramerate, simulcast }: LayerWishes): void {
  const layers = simulcast?.layers ?? [];
  const refuse = (why: string): never => {
    throw new RangeError(`Simulcast layers: ${why}`);
  };
  if (layers.length > maxLayers) refuse(`at most ${maxLayers}`);
  const largest = layers.reduce<Layer | undefined>(
    (best, layer) => (best !== undefined && lines(best) >= lines(layer) ? best : layer),
    undefined,
  );
  for (const layer of layers) {
    const { width, height } = layer;
    if (![width, height, layer.maxBitrateKbps, layer.maxFramerate].every((n) => n > 0)) {
      refuse('width, height, maxBitrateKbps and maxFramerate are needed');
    }
    if (Math.max(width, height) > STAGE_MAX_RESOLUTION || lines(layer) < STAGE_MIN_RESOLUTION) {
      refuse(`${width}x${height} is outside of the limits`);
    }
    if (layer.maxBitrateKbps > maxBitrateKbps || layer.maxBitrateKbps < STAGE_MIN_BITRATE) {
      refuse(`${layer.maxBitrateKbps} kbit/s is outside of the limits of the stream`);
    }
    if (layer.maxFramerate > maxFramerate) {
      refuse(`${layer.maxFramerate} frames per second are more than the stream's`);
    }
    if (largest !== undefined && shapesDiffer(layer, largest)) {
      refuse(`${width}x${height} is not of the shape of the largest layer`);
    }
  }
}

/**
 * The encodings in which a picture of that size is sent, from the smallest to the largest; the
 * only one has no name. A size that is not known yet counts as 720 lines.
 */
export function encodingsFor(
  size: { width?: number; height?: number },
  wishes: LayerWishes,
): Encoding[] {
  const height = Math.min(size.width ?? Infinity, size.height ?? Infinity);
  const source = Number.isFinite(height) && height > 0 ? height : maxLines;
  const { simulcast, maxBitrateKbps } = wishes;
  const hasLayers = simulcast?.enabled === true && maxBitrateKbps >= leastKbpsForSimulcast;
  if (!hasLayers) return [single(source, wishes)];
  const layers =
    simulcast.layers === undefined || simulcast.layers.length === 0
      ? defaultLayers(source, wishes)
      : fitting(source, simulcast.layers);
  const rids = names[layers.length] ?? [''];
  return layers.map((layer, n) => ({
    rid: rids[n] ?? '',
    maxBitrate: layer.maxBitrateKbps * 1000,
    maxFramerate: Math.min(layer.maxFramerate, wishes.maxFramerate),
    scaleDownBy: Math.max(1, source / layer.lines),
  }));
}

interface Sized {
  lines: number;
  maxBitrateKbps: number;
  maxFramerate: number;
}

function single(source: number, { maxBitrateKbps, maxFramerate }: LayerWishes): Encoding {
  const scaleDownBy = Math.max(1, source / maxLines);
  return { rid: '', maxBitrate: maxBitrateKbps * 1000, maxFramerate, scaleDownBy };
}

// Lower layers that are too close to the one above are left out.
function defaultLayers(source: number, { maxBitrateKbps, maxFramerate }: LayerWishes): Sized[] {
  const top = Math.min(source, maxLines);
  const layers: Sized[] = [
    { lines: top, maxBitrateKbps: Math.min(topDefaultKbps, maxBitrateKbps), maxFramerate },
  ];
  for (const lower of lowerDefaults) {
    const above = layers[0]?.lines ?? top;
    if (above < lower.height * leastStep) continue;
    layers.unshift({ ...lower, lines: lower.height });
  }
  return layers;
}

// Of layers that are not smaller than the picture, only the smallest is sent, at the picture's size.
function fitting(source: number, wanted: readonly Layer[]): Sized[] {
  const layers = wanted
    .map((layer) => ({ ...layer, lines: lines(layer) }))
    .sort((a, b) => a.lines - b.lines);
  const smaller = layers.filter((layer) => layer.lines < source);
  return layers.slice(0, smaller.length + 1);
}

function lines({ width, height }: { width: number; height: number }): number {
  return Math.min(width, height);
}

function shapesDiffer(a: Layer, b: Layer): boolean {
  const ratio = (layer: Layer) => layer.width / layer.height;
  return Math.abs(ratio(a) / ratio(b) - 1) > shapeTolerance;
}

/** Reads the limits of a stream out of its configuration. */
export function layerWishes(config: {
  maxVideoBitrateKbps?: number;
  maxBitrate?: number;
  maxFramerate?: number;
  simulcast?: SimulcastConfiguration;
}): LayerWishes {
  return {
    maxBitrateKbps: clamp(
      config.maxVideoBitrateKbps ?? config.maxBitrate,
      STAGE_MIN_BITRATE,
      STAGE_MAX_BITRATE,
      STAGE_MAX_BITRATE,
    ),
    maxFramerate: clamp(
      config.maxFramerate,
      STAGE_MIN_FRAMERATE,
      STAGE_MAX_FRAMERATE,
      STAGE_MAX_FRAMERATE,
    ),
    simulcast: config.simulcast,
  };
}
