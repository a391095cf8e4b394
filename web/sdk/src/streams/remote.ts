import { StageStream } from './stream.js';

/** A medium that another participant sends. The SDK makes it; applications get it by events. */
export class RemoteStageStream extends StageStream {
  /** @internal */
  constructor(track: MediaStreamTrack) {
    super(track);
  }

  /** Mutes the playback on this device only; the publisher's next change overrules it. */
  setMuted(muted: boolean): void {
    this.mediaStreamTrack.enabled = !muted;
  }
}
