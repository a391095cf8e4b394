import { Emitter } from '../emitter.js';
import { StreamType } from '../enums.js';

/** Where a stream gets its statistics from while it is part of a media session. */
export type StatsSource = (track: MediaStreamTrack) => Promise<RTCStatsReport | undefined>;

/** One medium of a participant: its track, and whether it is muted. */
export abstract class StageStream<Events extends object = object> extends Emitter<Events> {
  readonly mediaStreamTrack: MediaStreamTrack;
  readonly streamType: StreamType;
  #statsSource: StatsSource | undefined;

  protected constructor(track: MediaStreamTrack) {
    super();
    this.mediaStreamTrack = track;
    this.streamType = track.kind === 'audio' ? StreamType.AUDIO : StreamType.VIDEO;
  }

  /** The id of the track. */
  get id(): string {
    return this.mediaStreamTrack.id;
  }

  get isMuted(): boolean {
    return !this.mediaStreamTrack.enabled;
  }

  /** What the browser knows of the stream; undefined while it is in no session. */
  async requestRTCStats(): Promise<RTCStatsReport | undefined> {
    return this.#statsSource?.(this.mediaStreamTrack);
  }

  /** @deprecated Use requestRTCStats. */
  getStats(): Promise<RTCStatsReport | undefined> {
    return this.requestRTCStats();
  }

  /** Does nothing; here for applications that call it. */
  cleanup(): void {
    return;
  }

  /** @internal */
  setStatsSource(source: StatsSource | undefined): void {
    this.#statsSource = source;
  }
}
