import type { ClientFrame } from '../signal/frames.js';

/** What a player has done with one publisher's picture since the subscription began. */
export interface Played {
  participantId: string;
  framesDecoded: number;
  framesDropped: number;
}

/** How often the server is told; docs/signalling.md 1.5 asks for it. */
const everyMs = 10_000;
/** As many subscriptions as one frame may tell of. */
const most = 100;

export interface StatsOptions {
  /** What each player of the moment has done. */
  collect(): Promise<Played | undefined>[];
  send(frame: ClientFrame): boolean;
}

/**
 * StatsTeller tells the server what only a player knows, for the operator's metrics: how many frames
 * were decoded and dropped. Nothing is told while nothing is played, and nobody else is told.
 */
export class StatsTeller {
  readonly #options: StatsOptions;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: StatsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#tell(), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #tell(): Promise<void> {
    const settled = await Promise.allSettled(this.#options.collect());
    const subscriptions = settled
      .flatMap((s) => (s.status === 'fulfilled' && s.value !== undefined ? [s.value] : []))
      .slice(0, most);
    if (subscriptions.length > 0) {
      this.#options.send({ type: 'STATS', payload: { subscriptions } });
    }
  }
}

/** Reads the frames of a received picture out of its statistics; undefined where there are none. */
export function playedOf(
  participantId: string,
  report: RTCStatsReport | undefined,
): Played | undefined {
  let played: Played | undefined;
  report?.forEach((entry: Record<string, unknown>) => {
    if (entry['type'] !== 'inbound-rtp' || entry['kind'] !== 'video') return;
    const { framesDecoded, framesDropped } = entry;
    if (typeof framesDecoded !== 'number') return;
    played = {
      participantId,
      framesDecoded,
      framesDropped: typeof framesDropped === 'number' ? framesDropped : 0,
    };
  });
  return played;
}
