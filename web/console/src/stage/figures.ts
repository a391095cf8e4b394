import type { Client } from '../aws/client.ts';

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
}

/** How somebody on a stage fares. */
export interface Figures {
  participantId: string;
  publishing: boolean;
  audioMuted: boolean;
  videoStopped: boolean;
  protocol?: string;
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
  const { publication } = figures;
  if (publication?.sampledAt === undefined) return undefined;
  const video = publication.tracks.find((track) => track.mediaType === 'video');
  const picture = video?.width
    ? `${video.width}×${video.height ?? 0} · ${Math.round(video.framerate ?? 0)} fps`
    : undefined;
  return [
    bitrateWords(publication.bitrate),
    [picture, lossWords(publication.tracks)].filter(Boolean).join(' · '),
  ];
}

/** What somebody receives, in two lines; undefined while nothing is known. */
export function receivedWords(figures: Figures): [string, string] | undefined {
  const sampled = figures.subscriptions.filter((media) => media.sampledAt !== undefined);
  if (sampled.length === 0) return undefined;
  const tracks = sampled.flatMap((media) => media.tracks);
  const trips = tracks.flatMap((track) => track.roundTripMs ?? []);
  return [
    bitrateWords(sampled.reduce((sum, media) => sum + media.bitrate, 0)),
    [
      sampled.length === 1 ? '1 publisher' : `${sampled.length} publishers`,
      lossWords(tracks),
      trips.length === 0 ? undefined : `${Math.round(Math.max(...trips))} ms`,
    ]
      .filter(Boolean)
      .join(' · '),
  ];
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
