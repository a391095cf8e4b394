import {
  ApiError,
  type Client,
  type ParticipantEvent,
  type ParticipantSummary,
  type Session,
  type SessionKey,
} from '../aws/client.ts';

/** Somebody in a session, and what happened to them, in order; undefined until it is known. */
export interface PersonHistory {
  who: ParticipantSummary;
  events: readonly ParticipantEvent[] | undefined;
}

export interface HistoryState {
  session: Session | undefined;
  /** Those who have published first, each by first join. */
  people: readonly PersonHistory[];
  /** Whether there are more people than were asked for. */
  hasMore: boolean;
  /** Until when this is told, in milliseconds since 1970. */
  now: number;
  problem: unknown;
}

export interface HistoryOptions {
  /** Tells of those only who are there now. */
  connectedOnly?: boolean;
  /** Whose events are wanted. */
  wants?: (who: ParticipantSummary) => boolean;
}

const rowsAtOnce = 100;
const pauseMs = 2000;
const callsAtOnce = 4;
/**
 * How many of those who are there are asked about again in each round: fewer than AWS lets one ask,
 * since the application asks as well.
 */
const refreshedAtOnce = 8;
/** By how much sooner it is a publisher's turn: more happens to them. */
const publishersSoonerMs = 10_000;
const pagesOfEvents = 10;

type Filter = { filterByState: 'CONNECTED' } | { filterByPublished: boolean };

interface Known {
  events: readonly ParticipantEvent[];
  /** What the summary said when the events were read. */
  summary: string;
  readAt: number;
}

/** Reads a session, and goes on reading while it runs and somebody looks. */
export class SessionHistory {
  readonly #client: Client;
  readonly #key: SessionKey;
  readonly #options: HistoryOptions;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<() => void>();
  #rows = rowsAtOnce;
  #wake: () => void = () => undefined;
  #state: HistoryState;

  constructor(client: Client, key: SessionKey, options: HistoryOptions = {}) {
    this.#client = client;
    this.#key = key;
    this.#options = options;
    this.#state = {
      session: undefined,
      people: [],
      hasMore: false,
      now: client.now(),
      problem: undefined,
    };
  }

  /** Begins to read; what it returns ends that. */
  start(): () => void {
    const ended = new AbortController();
    void this.#run(ended.signal);
    return () => ended.abort();
  }

  /** Reads more people. */
  more(): void {
    this.#rows += rowsAtOnce;
    this.#wake();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): HistoryState => this.#state;

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#read(signal);
        this.#set({ problem: undefined });
      } catch (problem) {
        if (signal.aborted) return;
        this.#set({ problem });
      }
      const isOver =
        this.#state.session?.endTime !== undefined && this.#state.problem === undefined;
      await this.#pause(isOver ? undefined : pauseMs, signal);
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const session = await this.#client.getSession(this.#key, signal);
    const { people, hasMore } = await this.#participants(signal);
    this.#show({ session, hasMore, now: this.#client.now() }, people);
    const wanted = this.#wanted(people);
    const workers = Array.from({ length: callsAtOnce }, async () => {
      for (let who = wanted.shift(); who !== undefined; who = wanted.shift()) {
        const events = await this.#events(who.participantId, signal);
        const known = { events, summary: JSON.stringify(who), readAt: Date.now() };
        this.#known.set(who.participantId, known);
        if (wanted.length % 8 === 0) this.#show({}, people);
      }
    });
    await Promise.all(workers);
    this.#show({}, people);
  }

  /** Those who have published come first: among a thousand viewers they would not be found. */
  async #participants(signal: AbortSignal) {
    const onlyHere = this.#options.connectedOnly === true;
    const isWanted = (who: ParticipantSummary) => !onlyHere || who.state === 'CONNECTED';
    const published = await this.#pages({ filterByPublished: true }, signal);
    const rest = await this.#pages(
      onlyHere ? { filterByState: 'CONNECTED' } : { filterByPublished: false },
      signal,
    );
    const people = [...published.people.filter(isWanted), ...rest.people];
    // The rest may name somebody again, who has begun to publish meanwhile at the latest.
    const byId = new Map(people.map((who) => [who.participantId, who]));
    return { people: [...byId.values()], hasMore: published.hasMore || rest.hasMore };
  }

  /** As many as are wanted, by first join. */
  async #pages(filter: Filter, signal: AbortSignal) {
    const people: ParticipantSummary[] = [];
    let nextToken: string | undefined;
    do {
      const page = await this.#client.listParticipants(this.#key, { filter, nextToken, signal });
      people.push(...page.participants);
      nextToken = page.nextToken ?? undefined;
    } while (nextToken !== undefined && people.length < this.#rows);
    return { people: people.reverse(), hasMore: nextToken !== undefined };
  }

  /** Whose events to read now: those that are not known or have changed, and some of the rest. */
  #wanted(people: readonly ParticipantSummary[]): ParticipantSummary[] {
    const able = people.filter((who) => this.#options.wants?.(who) ?? true);
    const isFresh = (who: ParticipantSummary) =>
      this.#known.get(who.participantId)?.summary === JSON.stringify(who);
    const readAt = (who: ParticipantSummary) =>
      (this.#known.get(who.participantId)?.readAt ?? 0) - (who.published ? publishersSoonerMs : 0);
    const rest = able.filter((who) => isFresh(who) && who.state === 'CONNECTED');
    rest.sort((a, b) => readAt(a) - readAt(b));
    return [...able.filter((who) => !isFresh(who)), ...rest.slice(0, refreshedAtOnce)];
  }

  async #events(participantId: string, signal: AbortSignal): Promise<ParticipantEvent[]> {
    const events: ParticipantEvent[] = [];
    let nextToken: string | undefined;
    for (let page = 0; page < pagesOfEvents; page += 1) {
      const answer = await patiently(signal, () =>
        this.#client.listParticipantEvents(this.#key, participantId, nextToken, signal),
      );
      events.push(...answer.events);
      nextToken = answer.nextToken ?? undefined;
      if (nextToken === undefined) break;
    }
    return events.reverse();
  }

  #show(more: Partial<HistoryState>, people: readonly ParticipantSummary[]): void {
    this.#set({
      ...more,
      people: people.map((who) => ({ who, events: this.#known.get(who.participantId)?.events })),
    });
  }

  #set(more: Partial<HistoryState>): void {
    this.#state = { ...this.#state, ...more };
    for (const listener of this.#listeners) listener();
  }

  /** Waits for the time, if there is one, for the page to be looked at, and for nothing once woken. */
  #pause(ms: number | undefined, signal: AbortSignal): Promise<void> {
    return new Promise((done) => {
      let isDue = false;
      const wake = () => {
        clearTimeout(timer);
        document.removeEventListener('visibilitychange', look);
        signal.removeEventListener('abort', wake);
        done();
      };
      const look = () => {
        if (isDue && !document.hidden) wake();
      };
      const timer = setTimeout(() => {
        isDue = ms !== undefined;
        look();
      }, ms ?? 0);
      document.addEventListener('visibilitychange', look);
      signal.addEventListener('abort', wake);
      this.#wake = wake;
    });
  }
}

/** Tries again, later and later, while the server says that it is asked too often. */
async function patiently<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await work();
    } catch (error) {
      const isThrottled = error instanceof ApiError && error.status === 429;
      if (!isThrottled || turn === 6 || signal.aborted) throw error;
      await new Promise((done) => setTimeout(done, turn * 400));
    }
  }
}
