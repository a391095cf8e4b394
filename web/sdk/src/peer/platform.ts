import type { StreamType } from '../enums.js';

/**
 * What the SDK needs of a browser. Everything that touches the browser's sockets and peer
 * connections stands in this folder: `browser.ts` is the real thing, `fake.ts` the one for tests.
 */
export interface Platform {
  openSocket(url: string, protocol: string, observer: SocketObserver): Socket;
  fetch(url: string, init: RequestInit): Promise<Response>;
  createPeer(options: PeerOptions, observer: PeerObserver): Peer;
  /** Calls back whenever the device comes online or changes its network; the result ends that. */
  onOnline(callback: () => void): () => void;
}

export interface SocketObserver {
  onMessage(text: string): void;
  /** Called once, also when the socket never opened; never after `close()`. */
  onClose(code: number): void;
}

export interface Socket {
  /** Sends a text frame, or drops it while the socket is not open. */
  send(text: string): void;
  close(code: number): void;
}

/** `interrupted` may heal by itself; `down` never does. */
export type PeerState = 'connecting' | 'connected' | 'interrupted' | 'down';

export interface PeerObserver {
  onState(state: PeerState): void;
  /** A medium that the other side sends; called before `accept` resolves. */
  onTrack(track: MediaStreamTrack): void;
}

/** One form in which a medium is sent. */
export interface Encoding {
  /** The name of the layer; empty when there is only one. */
  rid: string;
  /** Bits per second. */
  maxBitrate: number;
  /** Frames per second; for video. */
  maxFramerate?: number;
  /** How many times smaller than the track the picture is; for video. */
  scaleDownBy?: number;
}

/** One medium to send, and how much of the line it may take. */
export interface LocalMedia {
  track: MediaStreamTrack;
  /** From the smallest layer to the largest. */
  encodings: Encoding[];
  /** For audio: send both channels. */
  stereo?: boolean;
}

/** Servers that help to reach the other side. */
export interface PathHelp {
  iceServers?: RTCIceServer[];
}

export type PeerOptions = PathHelp &
  (
    | { direction: 'send'; media: Partial<Record<StreamType, LocalMedia>> }
    | { direction: 'receive'; kinds: readonly StreamType[] }
  );

/** One peer connection: one offer, one answer, then media until it is closed. */
export interface Peer {
  /** Resolves with the SDP offer. Rejects with CODEC_MISMATCH when H.264 or Opus is missing. */
  offer(): Promise<string>;
  accept(answer: string): Promise<void>;
  /** Begins to look for another path; resolves with the fragment that tells the server. */
  restart(help: PathHelp): Promise<string>;
  /** Takes the server's fragment; media moves to the new path when it is there. */
  acceptRestart(fragment: string): Promise<void>;
  /** Puts another track, or none, in the place of the one that is sent. */
  replace(kind: StreamType, media: LocalMedia | undefined): Promise<void>;
  /** Sends these layers or stops sending them; a layer that is not named stays as it is. */
  activate(layers: ReadonlyMap<string, boolean>): Promise<void>;
  /** Plays what is received at least that many milliseconds late. */
  delay(ms: number): void;
  stats(track: MediaStreamTrack): Promise<RTCStatsReport | undefined>;
  /** Ends it; the observer hears nothing more. */
  close(): void;
}
