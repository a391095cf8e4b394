/** A participant token as the server makes them, with some claims changed; its signature is noise. */
export function makeToken(changes: Record<string, unknown> = {}): string {
  const claims = {
    exp: 4_000_000_000,
    iat: 1_700_000_000,
    jti: 'local-1',
    resource: 'arn:aws:ivs:us-east-1:000000000000:stage/Abc123',
    topic: 'Abc123',
    events_url: 'ws://127.0.0.1:7400/events',
    whip_url: 'http://127.0.0.1:7400/whip',
    user_id: 'ada',
    attributes: { role: 'host' },
    capabilities: { allow_publish: true, allow_subscribe: true },
    version: '0.0',
    ...changes,
  };
  const json = JSON.stringify(claims);
  return `${base64url('{"alg":"KMS","typ":"JWT"}')}.${base64url(json)}.c2ln`;
}

export function base64url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
