// The frames of docs/signalling.md, version 1, as far as this client uses them. Whatever comes
// from the network is read field by field: nothing is believed to have a type it was not seen with.

import type { Played } from '../stage/stats.js';

/** One of the encodings that a publisher sends of its video. */
export interface LayerInfo {
  rid: string;
  /** In pixels; 0 while it is not known. */
  width: number;
  height: number;
  /** False while nothing of it arrives at the server. */
  active: boolean;
  /** Bits per second; 0 while it is not known. */
  bitrate: number;
  /** Frames per second; 0 while it is not known. */
  framerate: number;
}

/** A participant as the server describes it. */
export interface RemoteInfo {
  id: string;
  userId: string;
  attributes: Record<string, string>;
  isPublishing: boolean;
  audioMuted: boolean;
  videoStopped: boolean;
  tracks: string[];
  /** From the smallest to the largest; empty when the video comes in one encoding. */
  layers: LayerInfo[];
}

/** Which layer the server sends of a publisher, and why. */
export interface SubscriptionStateFrame {
  type: 'SUBSCRIPTION_STATE';
  participantId: string;
  /** Empty when the publisher sends no layers. */
  layer: string;
  /** True while no video is sent. */
  paused: boolean;
  reason: string;
}

export interface StageStateFrame {
  type: 'STAGE_STATE';
  version: number;
  /** The key that continues this participation after a lost socket. */
  resume: string;
  /** True when an earlier participation goes on, with its media sessions. */
  resumed: boolean;
  pingIntervalMs: number;
  /** The relays of the server; empty when it offers none. */
  iceServers: RTCIceServer[];
  participants: RemoteInfo[];
}

export interface Change {
  op: 'join' | 'update' | 'leave';
  participant: RemoteInfo;
}

/** What the server says to one participant about itself. */
export type PersonalFrame =
  | SubscriptionStateFrame
  | { type: 'LAYERS_WANTED'; layers: { rid: string; wanted: boolean }[] }
  | { type: 'ERROR'; code: string; message: string }
  | { type: 'TOKEN_EXCHANGED' }
  | { type: 'EXCHANGE_FAILED'; code: string; message: string; retryAfterMs: number | undefined };

export type ServerFrame =
  | StageStateFrame
  | { type: 'STAGE_UPDATE'; version: number; changes: Change[] }
  | { type: 'JOIN_ERROR'; code: string; message: string; retryAfterMs: number | undefined }
  | { type: 'FORCED_LEAVE'; reason: string; message: string }
  | PersonalFrame
  | { type: 'PING' }
  | { type: 'PONG' };

/** What a viewer wants of one publisher; what it leaves out stays as it is. */
export interface SubscriptionWish {
  participantId: string;
  /** The rid of a layer, or `auto`. */
  layer?: string;
  audio?: boolean;
  video?: boolean;
}

export type ClientFrame =
  | { type: 'PING' | 'PONG' | 'GET_STATE' | 'LEAVE' }
  | { type: 'STATS'; payload: { subscriptions: Played[] } }
  | { type: 'SET_MEDIA_STATE'; payload: { audioMuted: boolean; videoStopped: boolean } }
  | { type: 'SET_SUBSCRIPTION'; payload: SubscriptionWish }
  | { type: 'EXCHANGE_TOKEN'; payload: { token: string } };

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
        iceServers: list(payload['iceServers']).flatMap(readIceServer),
        participants: list(payload['participants']).flatMap(readParticipant),
      };
    case 'STAGE_UPDATE':
      return {
        type: 'STAGE_UPDATE',
        version: number(payload['version'], 0),
        changes: list(payload['changes']).flatMap(readChange),
      };
    case 'JOIN_ERROR':
    case 'EXCHANGE_FAILED': {
      const seconds = payload['retryAfterSeconds'];
      return {
        type: frame['type'],
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
    case 'SUBSCRIPTION_STATE':
      return {
        type: 'SUBSCRIPTION_STATE',
        participantId: string(payload['participantId']),
        layer: string(payload['layer']),
        paused: payload['paused'] === true,
        reason: string(payload['reason']),
      };
    case 'LAYERS_WANTED':
      return {
        type: 'LAYERS_WANTED',
        layers: list(payload['layers']).map((value) => {
          const layer = record(value);
          return { rid: string(layer['rid']), wanted: layer['wanted'] !== false };
        }),
      };
    case 'ERROR':
      return {
        type: 'ERROR',
        code: string(payload['code']),
        message: string(payload['message']),
      };
    case 'TOKEN_EXCHANGED':
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
      layers: list(p['layers']).flatMap(readLayer),
    },
  ];
}

function readLayer(value: unknown): LayerInfo[] {
  const layer = record(value);
  const rid = string(layer['rid']);
  if (rid === '') return [];
  return [
    {
      rid,
      width: number(layer['width'], 0),
      height: number(layer['height'], 0),
      active: layer['active'] !== false,
      bitrate: number(layer['bitrate'], 0),
      framerate: number(layer['framerate'], 0),
    },
  ];
}

function readIceServer(value: unknown): RTCIceServer[] {
  const server = record(value);
  const urls = list(server['urls'])
    .map(string)
    .filter((url) => /^(stun|turn)s?:/i.test(url));
  if (urls.length === 0) return [];
  return [{ urls, username: string(server['username']), credential: string(server['credential']) }];
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
