import { StageErrorCode } from '../enums.js';
import { ExchangeError } from '../errors.js';
import type { Platform } from '../peer/platform.js';

/** The server's answer to an offer. */
export interface Answer {
  sdp: string;
  /** The session's own URL. */
  location: string;
  /** The servers that help to reach it; empty when it offers none. */
  iceServers: RTCIceServer[];
}

/**
 * Posts an offer by WHIP (RFC 9725) or WHEP. Rejects with an ExchangeError that says whether
 * another attempt makes sense.
 */
export async function postOffer(
  platform: Platform,
  url: string,
  token: string,
  offer: string,
  signal: AbortSignal,
): Promise<Answer> {
  const response = await request(platform, url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/sdp' },
    body: offer,
    signal,
  });
  if (response.status !== 201) throw await refusal(response);
  const location = response.headers.get('Location') ?? '';
  return {
    sdp: await response.text(),
    location: new URL(location, response.url || url).href,
    iceServers: readIceServers(response.headers.get('Link') ?? ''),
  };
}

/**
 * Tells the server of an ICE restart (RFC 9725 4.3.3); resolves with its fragment. Rejects with an
 * ExchangeError that is retryable when nothing came of it.
 */
export async function patchSession(
  platform: Platform,
  location: string,
  token: string,
  fragment: string,
  signal: AbortSignal,
): Promise<string> {
  const response = await request(platform, location, {
    method: 'PATCH',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/trickle-ice-sdpfrag',
      'If-Match': '*',
    },
    body: fragment,
    signal,
  });
  if (response.status !== 200) throw await refusal(response);
  return response.text();
}

/**
 * Ends a session. Nobody waits for it, and it outlives the page; a session that is already gone is
 * as good as one that was ended.
 */
export function deleteSession(platform: Platform, location: string, token: string): void {
  platform
    .fetch(location, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${token}` },
      keepalive: true,
    })
    .catch(() => undefined);
}

/** Reads `Link: <turn:…>; rel="ice-server"; username="…"; credential="…"` (RFC 9725 4.6). */
export function readIceServers(header: string): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const [, url = '', rest = ''] of header.matchAll(
    /<([^>]*)>((?:\s*;[^;,"]*(?:"[^"]*")?)*)/g,
  )) {
    const parameters = new Map(
      [...rest.matchAll(/;\s*([\w-]+)\s*=\s*(?:"([^"]*)"|([^;,\s]*))/g)].map(
        ([, name = '', quoted, bare]) => [name.toLowerCase(), quoted ?? bare ?? ''] as const,
      ),
    );
    if (parameters.get('rel') !== 'ice-server' || !/^(stun|turn)s?:/i.test(url)) continue;
    const username = parameters.get('username');
    const credential = parameters.get('credential');
    servers.push({
      urls: url,
      ...(username === undefined ? {} : { username }),
      ...(credential === undefined ? {} : { credential }),
    });
  }
  return servers;
}

async function request(platform: Platform, url: string, init: RequestInit): Promise<Response> {
  try {
    return await platform.fetch(url, init);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new ExchangeError(StageErrorCode.FAILED, `Server not reachable: ${message}`, true);
  }
}

// docs/signalling.md 2.5
const refusals: Record<string, { code: StageErrorCode; retryable: boolean }> = {
  TOKEN_MISSING: { code: StageErrorCode.TOKEN_MALFORMED, retryable: false },
  TOKEN_MALFORMED: { code: StageErrorCode.TOKEN_MALFORMED, retryable: false },
  TOKEN_INVALID: { code: StageErrorCode.TOKEN_MALFORMED, retryable: false },
  TOKEN_EXPIRED: { code: StageErrorCode.TOKEN_EXPIRED, retryable: false },
  INSUFFICIENT_CAPABILITIES: { code: StageErrorCode.TOKEN_NOT_ALLOWED, retryable: false },
  PARTICIPANT_REVOKED: { code: StageErrorCode.PARTICIPANT_DISCONNECTED, retryable: false },
  STAGE_NOT_FOUND: { code: StageErrorCode.STAGE_DELETED, retryable: false },
  UNSUPPORTED_CODEC: { code: StageErrorCode.CODEC_MISMATCH, retryable: false },
  QUOTA_EXCEEDED: { code: StageErrorCode.STAGE_AT_CAPACITY, retryable: true },
  NO_CAPACITY: { code: StageErrorCode.STAGE_AT_CAPACITY, retryable: true },
  PUBLISHER_NOT_FOUND: { code: StageErrorCode.FAILED, retryable: true },
};

async function refusal(response: Response): Promise<ExchangeError> {
  const problem = await problemOf(response);
  const known = refusals[problem.code];
  const seconds = Number(response.headers.get('Retry-After') ?? NaN);
  return new ExchangeError(
    known?.code ?? StageErrorCode.FAILED,
    problem.detail || `Server answered ${response.status}`,
    known?.retryable ?? response.status >= 500,
    Number.isFinite(seconds) ? seconds * 1000 : undefined,
  );
}

async function problemOf(response: Response): Promise<{ code: string; detail: string }> {
  try {
    const body = (await response.json()) as Record<string, unknown>;
    const { code, detail } = body;
    return {
      code: typeof code === 'string' ? code : '',
      detail: typeof detail === 'string' ? detail : '',
    };
  } catch {
    return { code: '', detail: '' };
  }
}
