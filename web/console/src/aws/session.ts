import { canSign, deriveKeys, type SigningKeys } from './sigv4.ts';

const storageKey = 'proscenium.signing-keys';
const dayMs = 24 * 60 * 60 * 1000;

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
}

/**
 * Turns credentials into what the console keeps: signing keys of today and tomorrow. The secret is
 * not kept anywhere, not even in memory.
 */
export function signingKeys(credentials: Credentials, now = new Date()): SigningKeys {
  const { accessKeyId, secretAccessKey, region } = credentials;
  // Yesterday's too, for a clock that runs ahead of the server's around midnight.
  const dates = [-dayMs, 0, dayMs].map((offset) => new Date(now.getTime() + offset));
  return deriveKeys(accessKeyId, secretAccessKey, region, dates);
}

/** Keeps the keys for this tab, so that a reload does not sign out; closing the tab does. */
export function remember(keys: SigningKeys): void {
  sessionStorage.setItem(storageKey, JSON.stringify(keys));
}

export function forget(): void {
  sessionStorage.removeItem(storageKey);
}

/** The keys of this tab, if they can still sign. */
export function recall(now = new Date()): SigningKeys | undefined {
  try {
    const keys = JSON.parse(sessionStorage.getItem(storageKey) ?? 'null') as SigningKeys | null;
    return keys !== null && canSign(keys, now) ? keys : undefined;
  } catch {
    return undefined;
  }
}
