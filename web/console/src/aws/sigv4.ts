import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

// AWS Signature Version 4. The hashes are not the browser's own, because browsers give those only to
// pages from HTTPS or localhost, and a console on a plain local network must be able to sign as well.

/** The name under which the service signs. */
const service = 'ivs';
const algorithm = 'AWS4-HMAC-SHA256';

/**
 * What is left of a secret key for some days: one derived key per UTC date, good for this region and
 * service only. The secret itself cannot be computed from it.
 */
export interface SigningKeys {
  accessKeyId: string;
  region: string;
  /** Hex keys by date, as in 20260102. */
  byDate: Record<string, string>;
}

export interface SignedRequest {
  method: string;
  /** Path as it stands in the request line, already percent-encoded. */
  path: string;
  /** As it stands in the request line, without the question mark; see queryOf. */
  query?: string;
  host: string;
  body: string;
  now: Date;
}

/** Derives the keys of the given dates from a secret. */
export function deriveKeys(
  accessKeyId: string,
  secret: string,
  region: string,
  dates: readonly Date[],
): SigningKeys {
  const byDate = Object.fromEntries(
    dates.map((date) => {
      const day = amzDate(date).slice(0, 8);
      const steps = [day, region, service, 'aws4_request'];
      const key = steps.reduce(
        (k, step) => hmac(sha256, k, utf8ToBytes(step)),
        utf8ToBytes(`AWS4${secret}`),
      );
      return [day, bytesToHex(key)];
    }),
  );
  return { accessKeyId, region, byDate };
}

/** Whether the keys can sign at that time. */
export function canSign(keys: SigningKeys, now: Date): boolean {
  return keys.byDate[amzDate(now).slice(0, 8)] !== undefined;
}

/** Returns the headers, besides Host, that make the request a signed one. */
export function sign(keys: SigningKeys, request: SignedRequest): Record<string, string> {
  const date = amzDate(request.now);
  const day = date.slice(0, 8);
  const key = keys.byDate[day];
  if (key === undefined) throw new Error(`no signing key for ${day}`);
  const headers: [string, string][] = [
    ...(request.body === '' ? [] : ([['content-type', 'application/json']] as [string, string][])),
    ['host', request.host],
    ['x-amz-date', date],
  ];
  const names = headers.map(([name]) => name).join(';');
  const canonical = [
    request.method,
    canonicalPath(request.path),
    request.query ?? '',
    ...headers.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    hexHash(request.body),
  ].join('\n');
  const scope = `${day}/${keys.region}/${service}/aws4_request`;
  const toSign = [algorithm, date, scope, hexHash(canonical)].join('\n');
  const signature = bytesToHex(hmac(sha256, fromHex(key), utf8ToBytes(toSign)));
  return {
    ...Object.fromEntries(headers.filter(([name]) => name !== 'host')),
    authorization: `${algorithm} Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

/** Writes parameters as they are signed: sorted, and encoded as AWS encodes. */
export function queryOf(parameters: Record<string, string>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
}

// Every service but S3 signs the path encoded once more than it is sent.
function canonicalPath(path: string): string {
  return path.split('/').map(encode).join('/');
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function amzDate(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d+/g, '');
}

function hexHash(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
