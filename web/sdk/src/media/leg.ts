import { StageErrorCode, type StreamType } from '../enums.js';
import { ExchangeError } from '../errors.js';
import type {
  LocalMedia,
  PathHelp,
  Peer,
  PeerOptions,
  PeerState,
  Platform,
} from '../peer/platform.js';
import { backOff, wait } from '../wait.js';
import { deleteSession, patchSession, postOffer } from './exchange.js';

export interface LegObserver {
  /** Media can flow; `tracks` is what the other side sends. */
  onUp(tracks: MediaStreamTrack[]): void;
  /** The media path broke; another one is being made. */
  onDown(): void;
  /** Given up. Nothing follows. */
  onFailed(error: ExchangeError): void;
}

export interface LegOptions {
  platform: Platform;
  url: string;
  /** The present token: it may be exchanged for another. */
  token(): string;
  /** What helps to reach the server; the leg keeps it fresh. */
  help: PathHelp;
  /** Asked before each attempt, since what is to be sent may have changed. */
  peerOptions(): PeerOptions;
  observer: LegObserver;
}

/** How long a leg tries before it gives up. */
export const giveUpMs = 30_000;
/** One attempt: from the offer to an encrypted path. */
const attemptMs = 10_000;
/** A path that is interrupted this long is taken for lost, with all that was tried to repair it. */
const interruptedMs = 12_000;
/** How long one attempt to tell the server of a restart may take, and the pause before the next. */
const tellMs = 3000;
const repairPauseMs = 500;
/** A path that needs longer than this to come up may need the help of the server's ICE servers. */
const helpMs = 2500;
const firstPauseMs = 400;
const lastPauseMs = 5000;

interface Session {
  peer: Peer;
  path: Path;
  location: string;
  /** When the path came up, in milliseconds since 1970. */
  since: number;
}

/**
 * Leg keeps one media session with the server, to publish or to subscribe. A path that is
 * interrupted is repaired by an ICE restart; when that fails, a new session is made; after 30
 * seconds without success the leg gives up.
 */
export class Leg {
  readonly #options: LegOptions;
  readonly #abort = new AbortController();
  #session: Session | undefined;
  /**
   * The session before, whose path is lost. To close it would tell the server that this is over;
   * left alone, it is replaced by the next one, and those who watch notice nothing.
   */
  #previous: Peer | undefined;
  #delayMs = 0;

  constructor(options: LegOptions) {
    this.#options = options;
  }

  open(): void {
    void this.#run(this.#abort.signal);
  }

  /** Takes a session that came up before that time for lost, and makes a new one. */
  restart(before: number): void {
    if (this.#session !== undefined && this.#session.since <= before) this.#session.path.end();
  }

  /** The device is on another network: looks for another path before this one is missed. */
  moved(): void {
    if (this.#session !== undefined) void this.#repair(this.#session);
  }

  /** Ends the leg. Tells the server unless it is known to have ended the session by itself. */
  close(options: { tellServer: boolean }): void {
    const session = this.#session;
    this.#session = undefined;
    this.#abort.abort();
    this.#forget();
    if (session === undefined) return;
    session.path.end();
    session.peer.close();
    if (options.tellServer) this.#delete(session.location);
  }

  async replace(kind: StreamType, media: LocalMedia | undefined): Promise<void> {
    await this.#session?.peer.replace(kind, media);
  }

  async activate(layers: ReadonlyMap<string, boolean>): Promise<void> {
    await this.#session?.peer.activate(layers);
  }

  /** Plays what is received at least that many milliseconds late. */
  delay(ms: number): void {
    this.#delayMs = ms;
    this.#session?.peer.delay(ms);
  }

  async stats(track: MediaStreamTrack): Promise<RTCStatsReport | undefined> {
    return this.#session?.peer.stats(track);
  }

  async #run(signal: AbortSignal): Promise<void> {
    let deadline = Date.now() + giveUpMs;
    let failures = 0;
    while (!signal.aborted) {
      let retryAfterMs: number | undefined;
      try {
        await this.#serve(signal);
        deadline = Date.now() + giveUpMs;
        failures = 0;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = asExchangeError(thrown);
        if (!error.retryable || Date.now() >= deadline) {
          this.#forget();
          return this.#options.observer.onFailed(error);
        }
        retryAfterMs = error.retryAfterMs;
      }
      await wait(retryAfterMs ?? backOff(failures, firstPauseMs, lastPauseMs), signal);
      failures += 1;
    }
  }

  // One session from its offer to its end; throws if it never came up.
  async #serve(signal: AbortSignal): Promise<void> {
    const session = await this.#connect(signal);
    if (signal.aborted) {
      session.peer.close();
      return this.#delete(session.location);
    }
    this.#forget();
    this.#session = session;
    session.peer.delay(this.#delayMs);
    session.path.onInterrupted = () => void this.#repair(session);
    this.#options.observer.onUp(session.path.tracks);
    await session.path.down;
    if (signal.aborted) return;
    this.#session = undefined;
    this.#previous = session.peer;
    this.#options.observer.onDown();
  }

  #forget(): void {
    this.#previous?.close();
    this.#previous = undefined;
  }

  // Makes ICE restarts until the server has heard of one; then the browser looks for a path.
  async #repair(session: Session): Promise<void> {
    const { path } = session;
    path.isRepairWanted = true;
    if (path.isBeingRepaired) return;
    path.isBeingRepaired = true;
    while (path.isRepairWanted && !path.isOver) {
      path.isRepairWanted = false;
      try {
        await this.#restart(session);
      } catch (thrown) {
        // The server does not know the session any more, or will not have it.
        if (!asExchangeError(thrown).retryable) path.end();
        await wait(repairPauseMs, this.#abort.signal);
        path.isRepairWanted ||= path.isInterrupted;
      }
    }
    path.isBeingRepaired = false;
  }

  async #restart({ peer, location }: Session): Promise<void> {
    const { platform, token } = this.#options;
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    const timer = setTimeout(stop, tellMs);
    this.#abort.signal.addEventListener('abort', stop);
    try {
      const fragment = await peer.restart(this.#options.help);
      const answer = await patchSession(platform, location, token(), fragment, attempt.signal);
      await peer.acceptRestart(answer);
    } finally {
      clearTimeout(timer);
      this.#abort.signal.removeEventListener('abort', stop);
    }
  }

  async #connect(life: AbortSignal): Promise<Session> {
    const attempt = new AbortController();
    const path = new Path();
    const stop = () => {
      attempt.abort();
      path.end(new ExchangeError(StageErrorCode.TIMEOUT, 'Media path did not come up', true));
    };
    const timer = setTimeout(stop, attemptMs);
    life.addEventListener('abort', stop);
    const peer = this.#options.platform.createPeer(
      { ...this.#options.help, ...this.#options.peerOptions() },
      path,
    );
    let location: string | undefined;
    let helper: ReturnType<typeof setTimeout> | undefined;
    try {
      const { platform, url, token } = this.#options;
      const answer = await postOffer(platform, url, token(), await peer.offer(), attempt.signal);
      const session = { peer, path, location: (location = answer.location), since: 0 };
      if (answer.iceServers.length > 0) this.#options.help.iceServers = answer.iceServers;
      await peer.accept(answer.sdp);
      if (answer.iceServers.length > 0) {
        helper = setTimeout(() => void this.#repair(session), helpMs);
      }
      await path.connected;
      return { ...session, since: Date.now() };
    } catch (thrown) {
      peer.close();
      if (location !== undefined) this.#delete(location);
      throw thrown;
    } finally {
      clearTimeout(timer);
      clearTimeout(helper);
      life.removeEventListener('abort', stop);
    }
  }

  #delete(location: string): void {
    deleteSession(this.#options.platform, location, this.#options.token());
  }
}

/** Path turns the states of a peer into two promises: connected, and down. */
class Path {
  readonly tracks: MediaStreamTrack[] = [];
  readonly connected: Promise<void>;
  readonly down: Promise<void>;
  isInterrupted = false;
  isOver = false;
  isBeingRepaired = false;
  isRepairWanted = false;
  onInterrupted: () => void = () => undefined;
  #up: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  #lose: () => void = () => undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.connected = new Promise((resolve, reject) => {
      this.#up = resolve;
      this.#fail = reject;
    });
    // It may fail while nobody waits for it yet.
    this.connected.catch(() => undefined);
    this.down = new Promise((resolve) => {
      this.#lose = resolve;
    });
  }

  onTrack(track: MediaStreamTrack): void {
    this.tracks.push(track);
  }

  onState(state: PeerState): void {
    if (this.isOver) return;
    if (state === 'down') return this.end();
    if (state === 'connected') {
      this.isInterrupted = false;
      clearTimeout(this.#patience);
      this.#up();
    }
    if (state !== 'interrupted' || this.isInterrupted) return;
    this.isInterrupted = true;
    this.#patience = setTimeout(() => this.end(), interruptedMs);
    this.onInterrupted();
  }

  end(reason = new ExchangeError(StageErrorCode.FAILED, 'Media path lost', true)): void {
    clearTimeout(this.#patience);
    this.isOver = true;
    this.#fail(reason);
    this.#lose();
  }
}

function asExchangeError(thrown: unknown): ExchangeError {
  if (thrown instanceof ExchangeError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ExchangeError(StageErrorCode.FAILED, message, true);
}
