import type { Platform, Socket } from '../peer/platform.js';
import { version } from '../version.js';
import { backOff } from '../wait.js';
import {
  readFrame,
  type Change,
  type ClientFrame,
  type PersonalFrame,
  type StageStateFrame,
} from './frames.js';

/** Why a link ended for good. */
export type LinkEnd =
  | { kind: 'refused'; code: string; message: string }
  | { kind: 'forced'; reason: string; message: string };

export interface LinkObserver {
  /** Everything about the stage: after a join, after a return, and after a missed update. */
  onState(state: StageStateFrame): void;
  onChanges(changes: Change[]): void;
  /** Something that concerns this participant alone. */
  onPersonal(frame: PersonalFrame): void;
  /** The socket of an accepted join is gone; the link is coming back by itself. */
  onLost(): void;
  /** The server ended it. Nothing follows. */
  onEnded(end: LinkEnd): void;
}

export interface LinkOptions {
  platform: Platform;
  /** Events URL with the topic. */
  url: string;
  /** The present token: it may be exchanged for another. */
  token(): string;
  observer: LinkObserver;
}

// The first pause is docs/signalling.md's; the last keeps a return quick after hours offline.
const firstPauseMs = 500;
const lastPauseMs = 8000;
/** A socket that has not said anything this long after being opened is given up. */
const answerMs = 10_000;
const transientJoinErrors = new Set(['SERVER_DRAINING', 'INTERNAL']);

/**
 * Link keeps the state socket of one participation: it opens it, comes back with the resume key
 * when it is lost, notices dead lines by PING, and repairs missed versions by GET_STATE.
 */
export class Link {
  readonly #options: LinkOptions;
  #socket: Socket | undefined;
  #resume = '';
  #joined = false;
  #failures = 0;
  #version = -1;
  #asked = false;
  #silent = false;
  #retryAfterMs: number | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #stopListening: (() => void) | undefined;
  #ended = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  open(): void {
    this.#stopListening = this.#options.platform.onOnline(() => this.#hurry());
    this.#connect();
  }

  /** Sends a frame if the stage is joined at this moment; reports whether it was. */
  send(frame: ClientFrame): boolean {
    if (!this.#joined) return false;
    this.#socket?.send(JSON.stringify(frame));
    return true;
  }

  /** Leaves the stage and ends the link; the observer hears nothing more. */
  leave(): void {
    if (this.#ended) return;
    this.send({ type: 'LEAVE' });
    this.#end();
  }

  #connect(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const { platform, url, token } = this.#options;
    const resume = this.#resume === '' ? '' : `&resume=${encodeURIComponent(this.#resume)}`;
    const query = `?sdk=${encodeURIComponent(`web ${version}`)}${resume}`;
    this.#asked = false;
    this.#retryAfterMs = undefined;
    const socket = platform.openSocket(url + query, token(), {
      onMessage: (text) => {
        if (this.#socket === socket) this.#receive(text);
      },
      onClose: () => {
        if (this.#socket === socket) this.#lost();
      },
    });
    this.#socket = socket;
    this.#expectWithin(answerMs);
  }

  #receive(text: string): void {
    this.#silent = false;
    const frame = readFrame(text);
    if (frame === undefined) return;
    switch (frame.type) {
      case 'STAGE_STATE':
        this.#joined = true;
        this.#failures = 0;
        this.#resume = frame.resume;
        this.#version = frame.version;
        this.#asked = false;
        this.#keepAlive(frame.pingIntervalMs);
        return this.#options.observer.onState(frame);
      case 'STAGE_UPDATE':
        return this.#update(frame.version, frame.changes);
      case 'JOIN_ERROR':
        this.#retryAfterMs = frame.retryAfterMs;
        if (transientJoinErrors.has(frame.code)) return;
        return this.#finish({ kind: 'refused', code: frame.code, message: frame.message });
      case 'FORCED_LEAVE':
        if (frame.reason === 'server-draining') return this.#rejoin();
        return this.#finish({ kind: 'forced', reason: frame.reason, message: frame.message });
      case 'PING':
        this.send({ type: 'PONG' });
        return;
      case 'PONG':
        return;
      default:
        return this.#options.observer.onPersonal(frame);
    }
  }

  // Versions rise by exactly one; a gap means that a frame was missed.
  #update(version: number, changes: Change[]): void {
    if (version <= this.#version || this.#asked) return;
    if (version === this.#version + 1) {
      this.#version = version;
      this.#options.observer.onChanges(changes);
      return;
    }
    this.#asked = true;
    this.send({ type: 'GET_STATE' });
  }

  // Every interval a PING, and the line is dead when two intervals pass without any frame.
  #keepAlive(intervalMs: number): void {
    const tick = () => {
      if (this.#silent) return this.#drop();
      this.#silent = true;
      this.send({ type: 'PING' });
      this.#watch = setTimeout(tick, intervalMs);
    };
    clearTimeout(this.#watch);
    this.#watch = setTimeout(tick, intervalMs);
  }

  #expectWithin(ms: number): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#drop(), ms);
  }

  #drop(): void {
    this.#socket?.close(4000);
    this.#lost();
  }

  // The server stops: what it remembers of us is of no use to the next one.
  #rejoin(): void {
    this.#resume = '';
    this.#drop();
  }

  #lost(): void {
    clearTimeout(this.#watch);
    this.#socket = undefined;
    const pause = this.#retryAfterMs ?? backOff(this.#failures, firstPauseMs, lastPauseMs);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#connect(), pause);
    if (!this.#joined) return;
    this.#joined = false;
    this.#options.observer.onLost();
  }

  // The device says that it is online: do not sit out the pause.
  #hurry(): void {
    if (this.#retry !== undefined) this.#connect();
  }

  #finish(end: LinkEnd): void {
    this.#end();
    this.#options.observer.onEnded(end);
  }

  #end(): void {
    this.#ended = true;
    this.#joined = false;
    clearTimeout(this.#watch);
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#stopListening?.();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
  }
}
