import type { LocalMedia } from '../peer/platform.js';
import { StreamType } from '../enums.js';
import {
  clamp,
  STAGE_MAX_AUDIO_BITRATE_KBPS,
  STAGE_MAX_AUDIO_BITRATE_KBPS_DEFAULT,
  STAGE_MAX_BITRATE,
  STAGE_MAX_FRAMERATE,
  STAGE_MIN_AUDIO_BITRATE_KBPS,
  STAGE_MIN_BITRATE,
  STAGE_MIN_FRAMERATE,
} from '../limits.js';
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

  /** Throws a TypeError without a track. */
  constructor(
    track: MediaStreamTrack,
    config: StageVideoConfiguration | StageAudioConfiguration = {},
  ) {
    if ((track as MediaStreamTrack | null | undefined) == null) {
      throw new TypeError('LocalStageStream needs a MediaStreamTrack');
    }
    super(track);
    this.mediaConfig = { ...config };
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
    return { track, maxBitrate: kbps * 1000, stereo: config.stereo === true };
  }
  const kbps = clamp(
    config.maxVideoBitrateKbps ?? config.maxBitrate,
    STAGE_MIN_BITRATE,
    STAGE_MAX_BITRATE,
    STAGE_MAX_BITRATE,
  );
  const maxFramerate = clamp(
    config.maxFramerate,
    STAGE_MIN_FRAMERATE,
    STAGE_MAX_FRAMERATE,
    STAGE_MAX_FRAMERATE,
  );
  return { track, maxBitrate: kbps * 1000, maxFramerate };
}
