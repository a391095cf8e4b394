import type { LocalMedia } from '../peer/platform.js';
import { StreamType } from '../enums.js';
import {
  clamp,
  STAGE_MAX_AUDIO_BITRATE_KBPS,
  STAGE_MAX_AUDIO_BITRATE_KBPS_DEFAULT,
  STAGE_MIN_AUDIO_BITRATE_KBPS,
} from '../limits.js';
import { checkLayers, encodingsFor, layerWishes, type SimulcastConfiguration } from './layers.js';
import { StageStream } from './stream.js';

export interface StageVideoConfiguration {
  /** kbit/s; from STAGE_MIN_BITRATE to STAGE_MAX_BITRATE, which is the default. */
  maxVideoBitrateKbps?: number;
  /** @deprecated The older name of maxVideoBitrateKbps. */
  maxBitrate?: number;
  /** Accepted, without effect. */
  minBitrate?: number;
  /** Frames per second; from STAGE_MIN_FRAMERATE to STAGE_MAX_FRAMERATE, which is the default. */
  maxFramerate?: number;
  /** Off by default. Browsers other than Chrome and Edge on a desktop send one layer all the same. */
  simulcast?: SimulcastConfiguration;
}

export interface StageAudioConfiguration {
  /** kbit/s; from 12 to 128, by default 64. */
  maxAudioBitrateKbps?: number;
  /** Send both channels; by default one. */
  stereo?: boolean;
}

export type StageStreamConfiguration = StageVideoConfiguration & StageAudioConfiguration;

export interface LocalStageStreamEventMap {
  /** @internal */
  muteChanged: (muted: boolean) => void;
}

/** A track of this device, to be returned by a strategy's `stageStreamsToPublish`. */
export class LocalStageStream extends StageStream<LocalStageStreamEventMap> {
  readonly mediaConfig: StageStreamConfiguration;

  /** Throws a TypeError without a track, and a RangeError for layers that cannot be sent. */
  constructor(
    track: MediaStreamTrack,
    config: StageVideoConfiguration | StageAudioConfiguration = {},
  ) {
    if ((track as MediaStreamTrack | null | undefined) == null) {
      throw new TypeError('LocalStageStream needs a MediaStreamTrack');
    }
    super(track);
    this.mediaConfig = { ...config };
    if (this.streamType === StreamType.VIDEO) checkLayers(layerWishes(this.mediaConfig));
  }

  /** Mutes or unmutes; the media session stays up. */
  setMuted(muted: boolean): void {
    if (this.isMuted === muted) return;
    this.mediaStreamTrack.enabled = !muted;
    this.emit('muteChanged', muted);
  }
}

/** Turns the configuration of a stream into what a peer connection is told, within the limits. */
export function localMedia(stream: LocalStageStream): LocalMedia {
  const { mediaConfig: config, mediaStreamTrack: track } = stream;
  if (stream.streamType === StreamType.AUDIO) {
    const kbps = clamp(
      config.maxAudioBitrateKbps,
      STAGE_MIN_AUDIO_BITRATE_KBPS,
      STAGE_MAX_AUDIO_BITRATE_KBPS,
      STAGE_MAX_AUDIO_BITRATE_KBPS_DEFAULT,
    );
    return {
      track,
      encodings: [{ rid: '', maxBitrate: kbps * 1000 }],
      stereo: config.stereo === true,
    };
  }
  return { track, encodings: encodingsFor(track.getSettings(), layerWishes(config)) };
}
