// The frames of docs/signalling.md, version 1, as far as this client uses them. Whatever comes
// from the network is read field by field: nothing is believed to have a type it was not seen with.

import type { Played } from '../stage/stats.js';

/** A participant as the server describes it. */
export interface RemoteInfo {
  id: string;
  userId: string;
  attributes: Record<string, string>;
  isPublishing: boolean;
  audioMuted: boolean;
  videoStopped: boolean;
  tracks: string[];
}

export interface StageStateFrame {
  type: 'STAGE_STATE';
  version: number;
  /** The key that continues this participation after a lost socket. */
  resume: string;
  /** True when an earlier participation goes on, with its media sessions. */
  resumed: boolean;
  pingIntervalMs: number;
  participants: RemoteInfo[];
}

export interface Change {
  op: 'join' | 'update' | 'leave';
  participant: RemoteInfo;
}

export type ServerFrame =
  | StageStateFrame
  | { type: 'STAGE_UPDATE'; version: number; changes: Change[] }
  | { type: 'JOIN_ERROR'; code: string; message: string; retryAfterMs: number | undefined }
  | { type: 'FORCED_LEAVE'; reason: string; message: string }
  | { type: 'PING' }
  | { type: 'PONG' };

export type ClientFrame =
  | { type: 'PING' | 'PONG' | 'GET_STATE' | 'LEAVE' }
  | { type: 'STATS'; payload: { subscriptions: Played[] } }
  | { type: 'SET_MEDIA_STATE'; payload: { audioMuted: boolean; videoStopped: boolean } };

/** Reads a frame; undefined for one that is unknown or broken, which the protocol says to ignore. */
export function readFrame(text: string): ServerFrame | undefined {
  const frame = record(parse(text));
  const payload = record(frame['payload']);
  switch (frame['type']) {
    case 'STAGE_STATE':
      return {
        type: 'STAGE_STATE',
        version: number(payload['version'], 0),
        resume: string(payload['resume']),
        resumed: payload['resumed'] === true,
        pingIntervalMs: number(payload['pingIntervalSeconds'], 15) * 1000,
        participants: list(payload['participants']).flatMap(readParticipant),
      };
    case 'STAGE_UPDATE':
      return {
        type: 'STAGE_UPDATE',
        version: number(payload['version'], 0),
        changes: list(payload['changes']).flatMap(readChange),
      };
    case 'JOIN_ERROR': {
      const seconds = payload['retryAfterSeconds'];
      return {
        type: 'JOIN_ERROR',
        code: string(payload['code']),
        message: string(payload['message']),
        retryAfterMs: typeof seconds === 'number' ? seconds * 1000 : undefined,
      };
    }
    case 'FORCED_LEAVE':
      return {
        type: 'FORCED_LEAVE',
        reason: string(payload['reason']),
        message: string(payload['message']),
      };
    case 'PING':
    case 'PONG':
      return { type: frame['type'] };
    default:
      return undefined;
  }
}

function readChange(value: unknown): Change[] {
  const change = record(value);
  const op = change['op'];
  if (op !== 'join' && op !== 'update' && op !== 'leave') return [];
  return readParticipant(change['participant']).map((participant) => ({ op, participant }));
}

function readParticipant(value: unknown): RemoteInfo[] {
  const p = record(value);
  const id = string(p['id']);
  if (id === '') return [];
  return [
    {
      id,
      userId: string(p['userId']),
      attributes: Object.fromEntries(
        Object.entries(record(p['attributes'])).map(([key, v]) => [key, string(v)]),
      ),
      isPublishing: p['isPublishing'] === true,
      audioMuted: p['audioMuted'] === true,
      videoStopped: p['videoStopped'] === true,
      tracks: list(p['tracks']).map(string),
    },
  ];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown, fallback: number): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : fallback;
}
