import type { Client } from '../aws/client.ts';
import { ApiError } from '../aws/client.ts';
import { readEvents } from './sse.ts';

/** An event as the outside is told it, in the form of EventBridge. */
export interface BridgeEvent {
  id: string;
  'detail-type': string;
  time: string;
  resources: string[];
  detail: Record<string, unknown>;
}

/** An event with its number, which rises in the order in which events were recorded. */
export interface Told {
  seq: number;
  event: BridgeEvent;
}

export interface Wish {
  /** An event pattern; undefined for every event. */
  pattern: string | undefined;
  /** From when on; undefined for the latest and what comes. */
  from: string | undefined;
}

export interface FeedState {
  /** Latest first. */
  events: readonly Told[];
  /** Came while it was paused. */
  waiting: number;
  isPaused: boolean;
  isFollowing: boolean;
  problem: unknown;
}

/** How far back it begins, and how many events it keeps. */
const kept = 1000;
const retryMs = [500, 1000, 2000, 5000];

/** Follows the events that the outside is told. */
export class Feed {
  readonly #client: Client;
  readonly #wish: Wish;
  readonly #listeners = new Set<() => void>();
  #waiting: Told[] = [];
  #last: number | undefined;
  #isScheduled = false;
  #arrived: Told[] = [];
  #state: FeedState = {
    events: [],
    waiting: 0,
    isPaused: false,
    isFollowing: false,
    problem: undefined,
  };

  constructor(client: Client, wish: Wish) {
    this.#client = client;
    this.#wish = wish;
  }

  /** Begins to follow; what it returns ends that. */
  start(): () => void {
    const ended = new AbortController();
    void this.#run(ended.signal);
    return () => ended.abort();
  }

  /** While it is paused, what comes is kept and not shown. */
  pause(isPaused: boolean): void {
    this.#set({ isPaused });
    if (isPaused) return;
    this.#arrived.push(...this.#waiting);
    this.#waiting = [];
    this.#flush();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): FeedState => this.#state;

  async #run(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn += 1) {
      try {
        if (this.#last === undefined && this.#wish.from === undefined) await this.#recall(signal);
        const stream = await this.#client.follow('/events/stream', this.#query(), signal);
        this.#set({ isFollowing: true, problem: undefined });
        turn = 0;
        await readEvents(stream, ({ id, data }) => this.#take(Number(id), data));
      } catch (problem) {
        if (signal.aborted) return;
        this.#set({ problem });
        // Asking again does not make these better.
        if (problem instanceof ApiError && problem.status >= 400 && problem.status < 429) return;
      }
      this.#set({ isFollowing: false });
      await new Promise((done) => setTimeout(done, retryMs[turn] ?? 5000));
    }
  }

  /** Reads the latest events that there are already. */
  async #recall(signal: AbortSignal): Promise<void> {
    const ask = (query: Record<string, string>) =>
      this.#client.admin('GET', '/events', { query, signal });
    const { last } = (await ask({ limit: '1' })) as { last?: number };
    const after = Math.max(0, (last ?? 0) - kept);
    const page = await ask({ after: String(after), limit: String(kept), ...this.#pattern() });
    for (const told of (page['events'] ?? []) as Told[]) this.#add(told);
    this.#last = Math.max(this.#last ?? 0, last ?? 0);
  }

  #query(): Record<string, string> {
    const from = this.#wish.from === undefined ? {} : { from: this.#wish.from };
    return {
      ...this.#pattern(),
      ...(this.#last === undefined ? from : { after: String(this.#last) }),
    };
  }

  #pattern(): Record<string, string> {
    return this.#wish.pattern === undefined ? {} : { pattern: this.#wish.pattern };
  }

  #take(seq: number, data: string): void {
    try {
      this.#add({ seq, event: JSON.parse(data) as BridgeEvent });
    } catch {
      // What cannot be read is not shown; the next one may be fine.
    }
  }

  #add(told: Told): void {
    // They come in order; what is not after the last one has been seen.
    if (told.seq <= (this.#last ?? 0)) return;
    this.#last = told.seq;
    if (this.#state.isPaused) {
      this.#waiting.push(told);
      if (this.#waiting.length > kept) this.#waiting.shift();
      this.#set({ waiting: this.#waiting.length });
      return;
    }
    this.#arrived.push(told);
    // A burst is shown at once rather than one by one.
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => this.#flush(), 50);
  }

  #flush(): void {
    this.#isScheduled = false;
    const fresh = this.#arrived.reverse();
    this.#arrived = [];
    this.#set({ events: [...fresh, ...this.#state.events].slice(0, kept), waiting: 0 });
  }

  #set(more: Partial<FeedState>): void {
    this.#state = { ...this.#state, ...more };
    for (const listener of this.#listeners) listener();
  }
}
