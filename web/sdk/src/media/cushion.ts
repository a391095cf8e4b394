/** What a receiver has counted since it began, and the round trip to the server. */
export interface Received {
  packets: number;
  /** Packets that did not come at first; those that were repeated are still counted. */
  lost: number;
  /** Milliseconds; undefined while it is not known. */
  roundTripMs: number | undefined;
}

/** The share of packets that may be missing when a frame is due: one freeze in about a minute. */
const tolerated = 0.001;
/** Below this the line counts as whole. */
const wholeBelow = 0.003;
/** What a request for a packet costs beside the round trip: noticing the gap, and sending. */
const requestMs = 50;
const mostMs = 1000;
/** How long a line has to be whole before the cushion is taken away. */
const wholeForMs = 30_000;
/** Looked at over so many samples, since loss comes in bursts. */
const samples = 4;

/**
 * Cushion says how late to play on a line that loses packets, so that those that are asked for again
 * still come in time. Browsers that only receive do not know the round trip and buffer too little:
 * each packet that is lost twice freezes the picture.
 */
export class Cushion {
  #history: Received[] = [];
  #ms = 0;
  #wholeSince: number | undefined;

  /** Takes what was counted by now, in milliseconds, and returns the delay in milliseconds. */
  next(received: Received, now: number): number {
    const first = this.#history[0];
    if (first !== undefined && received.packets < first.packets) this.#history = []; // it counts anew
    this.#history.push(received);
    if (this.#history.length > samples + 1) this.#history.shift();
    const share = this.#share();
    const roundTripMs = this.#roundTrip();
    if (share === undefined || roundTripMs === undefined) return this.#ms;
    if (share >= wholeBelow) {
      this.#wholeSince = undefined;
      const wanted = delayFor(share, roundTripMs);
      // Each change is heard and seen: a little more is not worth it.
      if (wanted > this.#ms * 1.25) this.#ms = wanted;
      return this.#ms;
    }
    this.#wholeSince ??= now;
    if (now - this.#wholeSince >= wholeForMs) this.#ms = 0;
    return this.#ms;
  }

  /** The shortest of late: a check that was itself lost and repeated looks like a longer one. */
  #roundTrip(): number | undefined {
    const known = this.#history.flatMap(({ roundTripMs }) => roundTripMs ?? []);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** The share of packets that did not come at first. */
  #share(): number | undefined {
    const [first, last] = [this.#history[0], this.#history.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    const packets = last.packets - first.packets;
    return packets < 50 ? undefined : Math.min(Math.max(last.lost - first.lost, 0) / packets, 0.5);
  }
}

/** As many rounds of asking again as it takes until no more than is tolerated are missing. */
function delayFor(share: number, roundTripMs: number): number {
  const rounds = Math.ceil(Math.log(tolerated) / Math.log(share)) - 1;
  return Math.min(Math.round(Math.max(rounds, 1) * (roundTripMs + requestMs) + requestMs), mostMs);
}

/** Reads the counters of a received picture out of its statistics; undefined where there are none. */
export function receivedOf(report: RTCStatsReport | undefined): Received | undefined {
  let received: Received | undefined;
  let roundTripMs: number | undefined;
  report?.forEach((entry: Record<string, unknown>) => {
    const count = (name: string) => (typeof entry[name] === 'number' ? entry[name] : 0);
    if (entry['type'] === 'inbound-rtp' && entry['kind'] === 'video') {
      received = {
        packets: count('packetsReceived'),
        lost: count('packetsLost'),
        roundTripMs: undefined,
      };
    }
    const seconds = entry['currentRoundTripTime'];
    if (entry['type'] === 'candidate-pair' && typeof seconds === 'number') {
      roundTripMs = seconds * 1000;
    }
  });
  return received === undefined ? undefined : { ...(received as Received), roundTripMs };
}
