/** One form of a picture, as it is received or sent. */
export interface Picture {
  /** The name of the layer; empty when there is only one. */
  rid: string;
  width: number;
  height: number;
  framesPerSecond: number;
  /** Bits per second. */
  bitrate: number;
  /** False while it is not sent because nobody watches it. */
  isActive: boolean;
}

/** How a person's media fare between this page and the server. */
export interface Quality {
  /** Bits per second, all media together; undefined until there are figures from before. */
  bitrate: number | undefined;
  /** From 0 to 1, since the figures before; undefined while nothing was expected. */
  loss: number | undefined;
  roundTripMs: number | undefined;
  /** From the largest to the smallest. */
  pictures: Picture[];
}

/** What figures are made of, which count from the beginning. */
export interface Counts {
  quality: Quality;
  rtp: Map<string, { at: number; bytes: number; packets: number; lost: number }>;
}

type Entry = Record<string, unknown>;

/** Reads the figures of the time since those before out of the browser's reports. */
export function readQuality(
  reports: readonly (RTCStatsReport | undefined)[],
  before: Counts | undefined,
): Counts {
  const entries = new Map<string, Entry>();
  for (const report of reports) {
    report?.forEach((entry: Entry, id: string) => entries.set(id, entry));
  }
  const rtp: Counts['rtp'] = new Map();
  const pictures: Picture[] = [];
  let [all, received, lost] = [0, 0, 0];
  let sentLoss: number | undefined;
  const trips: number[] = [];
  for (const [id, entry] of entries) {
    const type = entry['type'];
    if (type === 'candidate-pair' && entry['state'] === 'succeeded') {
      if (number(entry['currentRoundTripTime']) > 0)
        trips.push(number(entry['currentRoundTripTime']));
    }
    if (type === 'remote-inbound-rtp') {
      if (number(entry['roundTripTime']) > 0) trips.push(number(entry['roundTripTime']));
      sentLoss = Math.max(sentLoss ?? 0, number(entry['fractionLost']));
    }
    if (type !== 'inbound-rtp' && type !== 'outbound-rtp') continue;
    const now = {
      at: number(entry['timestamp']),
      bytes: number(entry['bytesReceived']) + number(entry['bytesSent']),
      packets: number(entry['packetsReceived']),
      lost: number(entry['packetsLost']),
    };
    rtp.set(id, now);
    const was = before?.rtp.get(id);
    const seconds = was === undefined ? 0 : (now.at - was.at) / 1000;
    const bitrate =
      was === undefined || seconds <= 0 ? 0 : (Math.max(0, now.bytes - was.bytes) * 8) / seconds;
    all += bitrate;
    if (was !== undefined) {
      received += Math.max(0, now.packets - was.packets);
      lost += Math.max(0, now.lost - was.lost);
    }
    if (entry['kind'] === 'video') pictures.push(pictureOf(entry, bitrate));
  }
  const loss = received + lost > 0 ? lost / (received + lost) : sentLoss;
  const roundTripMs = trips.length === 0 ? undefined : Math.min(...trips) * 1000;
  pictures.sort((a, b) => rankOf(a) - rankOf(b) || b.height - a.height);
  const bitrate = before === undefined ? undefined : all;
  return { quality: { bitrate, loss, roundTripMs, pictures }, rtp };
}

// One that is not sent has no size, but its name.
const ranks = ['high', 'mid', 'low'];

function rankOf({ rid }: Picture): number {
  return ranks.indexOf(rid);
}

function pictureOf(entry: Entry, bitrate: number): Picture {
  return {
    rid: typeof entry['rid'] === 'string' ? entry['rid'] : '',
    width: number(entry['frameWidth']),
    height: number(entry['frameHeight']),
    framesPerSecond: number(entry['framesPerSecond']),
    bitrate,
    isActive: entry['active'] !== false,
  };
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** A picture's number of lines, by which people call it; upright ones, too. */
export function linesOf({ width, height }: { width: number; height: number }): number {
  return Math.min(width, height);
}

export function linesWords(size: { width: number; height: number }): string {
  return `${linesOf(size)}p`;
}

export function pictureWords({ width, height, framesPerSecond }: Picture): string {
  return `${width}×${height} · ${Math.round(framesPerSecond)} fps`;
}
