import type { Client } from '../aws/client.ts';
import { linesOf, linesWords } from '../room/quality.ts';

/** How one track fares: docs/admin-api.md. */
export interface TrackFigures {
  mediaType: 'audio' | 'video';
  codec?: string;
  /** Bits per second. */
  bitrate: number;
  /** From 0 to 1. */
  packetLoss: number;
  jitterMs: number;
  roundTripMs?: number;
  framerate?: number;
  width?: number;
  height?: number;
}

export interface MediaFigures {
  publisherId?: string;
  sampledAt?: string;
  transport?: string;
  bitrate: number;
  tracks: TrackFigures[];
  /** What is sent of the publisher's picture, if it comes in layers. */
  layer?: string;
  /** True while no picture is sent. */
  paused?: boolean;
  /** Why it is not the best that there is. */
  reason?: string;
}

/** One form in which a publisher sends its picture. */
export interface LayerFigures {
  rid: string;
  width: number;
  height: number;
  active: boolean;
}

/** How somebody on a stage fares. */
export interface Figures {
  participantId: string;
  publishing: boolean;
  audioMuted: boolean;
  videoStopped: boolean;
  protocol?: string;
  /** From the lowest to the highest. */
  layers?: LayerFigures[];
  publication?: MediaFigures;
  subscriptions: MediaFigures[];
}

/** Reads how those on a stage fare; the key needs proscenium:GetStageParticipants for it. */
export async function readFigures(
  client: Client,
  stageId: string,
  signal: AbortSignal,
): Promise<Record<string, Figures>> {
  const answer = await client.admin('GET', `/stages/${stageId}/participants`, {
    query: { maxResults: '1000' },
    signal,
  });
  const all = (answer['participants'] ?? []) as Figures[];
  return Object.fromEntries(all.map((figures) => [figures.participantId, figures]));
}

/** What somebody sends, in two lines; undefined while nothing is known. */
export function sentWords(figures: Figures): [string, string] | undefined {
  const { publication, layers = [] } = figures;
  if (publication?.sampledAt === undefined) return undefined;
  const video = publication.tracks.find((track) => track.mediaType === 'video');
  const rate = `${Math.round(video?.framerate ?? 0)} fps`;
  const picture = video?.width ? `${video.width}×${video.height ?? 0} · ${rate}` : undefined;
  const sizes = layers.filter((layer) => layer.height > 0).map((layer) => linesOf(layer));
  return [
    bitrateWords(publication.bitrate),
    [
      sizes.length > 1 ? `${sizes.toReversed().join('/')}p · ${rate}` : picture,
      lossWords(publication.tracks),
    ]
      .filter(Boolean)
      .join(' · '),
  ];
}

/**
 * What somebody receives, in two lines; undefined while nothing is known. `all` are those who may
 * be watched, by their ids.
 */
export function receivedWords(
  figures: Figures,
  all: Record<string, Figures> = {},
): [string, string] | undefined {
  const sampled = figures.subscriptions.filter((media) => media.sampledAt !== undefined);
  if (sampled.length === 0) return undefined;
  const tracks = sampled.flatMap((media) => media.tracks);
  const trips = tracks.flatMap((track) => track.roundTripMs ?? []);
  return [
    bitrateWords(sampled.reduce((sum, media) => sum + media.bitrate, 0)),
    [
      picturesWords(sampled, all),
      lossWords(tracks),
      trips.length === 0 ? undefined : `${Math.round(Math.max(...trips))} ms`,
    ]
      .filter(Boolean)
      .join(' · '),
  ];
}

// Few are told one by one.
function picturesWords(sampled: MediaFigures[], all: Record<string, Figures>): string {
  const words = sampled.flatMap((media) => pictureWords(media, all) ?? []);
  if (words.length === sampled.length && words.length <= 3) return words.join(', ');
  return sampled.length === 1 ? '1 publisher' : `${sampled.length} publishers`;
}

// Which layer of whom, and why it is not the best.
function pictureWords(media: MediaFigures, all: Record<string, Figures>): string | undefined {
  const { publisherId = '', paused, layer = '', reason } = media;
  if (paused === true) return reason === 'bandwidth' ? 'paused: line too thin' : 'sound only';
  if (layer === '') return undefined;
  const known = all[publisherId]?.layers?.find(({ rid }) => rid === layer);
  const size = known !== undefined && known.height > 0 ? linesWords(known) : layer;
  if (reason === 'bandwidth') return `${size} (line bears no more)`;
  return reason === 'preference' ? `${size} (by choice)` : size;
}

export function bitrateWords(bits: number): string {
  return bits < 999_500
    ? `${Math.round(bits / 1000)} kbit/s`
    : `${(bits / 1_000_000).toFixed(2)} Mbit/s`;
}

/** The worst of the tracks. */
function lossWords(tracks: readonly TrackFigures[]): string {
  const worst = Math.max(0, ...tracks.map((track) => track.packetLoss));
  return `${(worst * 100).toFixed(1)} % lost`;
}
