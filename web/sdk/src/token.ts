import { StageErrorCategory, StageErrorCode } from './enums.js';
import { StageError } from './errors.js';

/** The claims of a participant token that a client needs. Its signature is the server's business. */
export interface TokenClaims {
  participantId: string;
  userId: string;
  attributes: Record<string, string>;
  stageArn: string;
  topic: string;
  eventsUrl: string;
  whipUrl: string;
  /** Seconds since 1970 after which the token opens no new session. */
  expiresAt: number;
  allowPublish: boolean;
  allowSubscribe: boolean;
}

const maxTokenLength = 8192;

/**
 * Reads a participant token without verifying it.
 * Throws a StageError with TOKEN_MALFORMED when it is none.
 */
export function parseToken(token: string): TokenClaims {
  const claims = decodePayload(token);
  const capabilities = record(claims['capabilities']);
  const arn = text(claims['resource']);
  return {
    participantId: required(claims, 'jti'),
    userId: text(claims['user_id']),
    attributes: stringMap(claims['attributes']),
    stageArn: arn,
    topic: text(claims['topic']) || arn.slice(arn.lastIndexOf('/') + 1) || malformed('topic'),
    eventsUrl: url(claims, 'events_url', ['ws:', 'wss:']),
    whipUrl: url(claims, 'whip_url', ['http:', 'https:']),
    expiresAt: typeof claims['exp'] === 'number' ? claims['exp'] : malformed('exp'),
    allowPublish: capabilities['allow_publish'] === true,
    allowSubscribe: capabilities['allow_subscribe'] === true,
  };
}

function decodePayload(token: string): Record<string, unknown> {
  if (typeof token !== 'string' || token.length > maxTokenLength) malformed('length');
  const parts = token.split('.');
  if (parts.length !== 3 || parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part))) {
    malformed('three parts');
  }
  try {
    const bytes = atob((parts[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
    const utf8 = Uint8Array.from(bytes, (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(utf8));
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) {
      return claims as Record<string, unknown>;
    }
  } catch {
    // Falls through to the one refusal below.
  }
  return malformed('payload');
}

function malformed(what: string): never {
  throw new StageError(
    StageErrorCode.TOKEN_MALFORMED,
    StageErrorCategory.JOIN_ERROR,
    `Token is malformed: ${what}`,
  );
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function stringMap(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record(value)).filter((e): e is [string, string] => typeof e[1] === 'string'),
  );
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function required(claims: Record<string, unknown>, name: string): string {
  return text(claims[name]) || malformed(name);
}

function url(claims: Record<string, unknown>, name: string, schemes: string[]): string {
  const value = required(claims, name);
  if (!URL.canParse(value) || !schemes.includes(new URL(value).protocol)) malformed(name);
  return value.replace(/\/+$/, '');
}
