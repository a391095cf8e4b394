import type { Client } from '../aws/client.ts';

/** Whom events are told: docs/events.md. */
export interface Target {
  name: string;
  kind: string;
  /** By the configuration; it cannot be removed here. */
  declared: boolean;
  url?: string;
  subject?: string;
  bus?: string;
  region?: string;
  envelope?: string;
  pattern?: object;
  state: 'on' | 'off' | 'retrying';
  why?: string;
  position: number;
  behind: number;
  delivered: number;
  failed: number;
  dropped: number;
  lastDeliveredAt?: string;
  lastError?: string;
  lastErrorAt?: string;
  createdAt?: string;
}

export interface TestResult {
  ok: boolean;
  milliseconds?: number;
  error?: string;
}

const pathOf = (name: string) => `/targets/${encodeURIComponent(name)}`;

export async function listTargets(client: Client, signal?: AbortSignal): Promise<Target[]> {
  const answer = await client.admin('GET', '/targets', signal === undefined ? {} : { signal });
  return (answer['targets'] ?? []) as Target[];
}

/** Adds a target; returns the secret of a webhook, which is told only once. */
export async function addTarget(client: Client, settings: object): Promise<string | undefined> {
  const answer = await client.admin('POST', '/targets', { input: settings });
  return answer['secret'] as string | undefined;
}

export async function removeTarget(client: Client, name: string): Promise<void> {
  await client.admin('DELETE', pathOf(name));
}

export async function testTarget(client: Client, name: string): Promise<TestResult> {
  return (await client.admin('POST', `${pathOf(name)}/test`)) as unknown as TestResult;
}

/** Gives a webhook another secret and returns it. */
export async function rotateTarget(client: Client, name: string): Promise<string> {
  return (await client.admin('POST', `${pathOf(name)}/rotate`))['secret'] as string;
}

/** Tells a target again what came after an event, or from a time on. */
export async function replayTarget(
  client: Client,
  name: string,
  point: { after: number } | { from: string },
): Promise<void> {
  await client.admin('POST', `${pathOf(name)}/replay`, { input: point });
}
