import type { ParticipantEvent } from '../aws/client.ts';
import { isError } from './words.ts';

/** From when to when, in milliseconds since 1970. An open one is still going on. */
export interface Span {
  from: number;
  to: number;
  isOpen: boolean;
}

export interface Mark {
  at: number;
  event: ParticipantEvent;
}

/** What is drawn of one participant. */
export interface Lane {
  stays: Span[];
  publishes: Span[];
  /** When at least one other was received. */
  receives: Span[];
  subscribes: Mark[];
  errors: Mark[];
  others: Mark[];
}

/**
 * Makes spans and marks of somebody's events, which come in the order in which they happened. What
 * has not ended by then lasts until `end`.
 */
export function laneOf(events: readonly ParticipantEvent[], end: number): Lane {
  const lane: Lane = {
    stays: [],
    publishes: [],
    receives: [],
    subscribes: [],
    errors: [],
    others: [],
  };
  const stay = new Opening(lane.stays);
  const publish = new Opening(lane.publishes);
  const receive = new Opening(lane.receives);
  const received = new Set<string>();
  for (const event of events) {
    const at = Date.parse(event.eventTime);
    const remote = event.remoteParticipantId ?? '';
    switch (event.name) {
      case 'JOINED':
        stay.open(at);
        break;
      case 'LEFT':
        // Leaving ends everything, whether or not that was told.
        received.clear();
        for (const each of [receive, publish, stay]) each.close(at);
        break;
      case 'PUBLISH_STARTED':
        publish.open(at);
        break;
      case 'PUBLISH_STOPPED':
        publish.close(at);
        break;
      case 'SUBSCRIBE_STARTED':
        lane.subscribes.push({ at, event });
        received.add(remote);
        receive.open(at);
        break;
      case 'SUBSCRIBE_STOPPED':
        received.delete(remote);
        if (received.size === 0) receive.close(at);
        break;
      default:
        (isError(event.name) ? lane.errors : lane.others).push({ at, event });
    }
  }
  for (const each of [stay, publish, receive]) each.end(end);
  return lane;
}

/** Collects spans; what is open already is not opened twice. */
class Opening {
  #from: number | undefined;
  readonly #spans: Span[];

  constructor(spans: Span[]) {
    this.#spans = spans;
  }

  open(at: number): void {
    this.#from ??= at;
  }

  close(at: number, isOpen = false): void {
    if (this.#from === undefined) return;
    this.#spans.push({ from: this.#from, to: Math.max(at, this.#from), isOpen });
    this.#from = undefined;
  }

  end(at: number): void {
    this.close(at, true);
  }
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour),
  ...[1, 2, 7, 14, 28].map((n) => n * day),
];

/** Round times of day between the two, at most `most` of them. */
export function ticks(from: number, to: number, most: number): { step: number; at: number[] } {
  const least = (to - from) / Math.max(1, most);
  const step = steps.find((s) => s >= least) ?? 56 * day;
  // Round in the time that the clock on the wall shows.
  const offset = new Date(from).getTimezoneOffset() * minute;
  const at: number[] = [];
  for (let t = Math.ceil((from - offset) / step) * step + offset; t <= to; t += step) at.push(t);
  return { step, at };
}
