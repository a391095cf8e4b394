import { describe, expect, it } from 'vitest';
import { ApiError, Client } from '../src/aws/client.ts';
import { signingKeys } from '../src/aws/session.ts';
import { canSign, deriveKeys, sign } from '../src/aws/sigv4.ts';

const now = new Date('2026-01-02T03:04:05Z');
const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const keys = deriveKeys('AKIDEXAMPLE', secret, 'us-east-1', [now]);

describe('sign', () => {
  // The vector that the server's own signer is tested with.
  it('makes the signature that an AWS SDK makes', () => {
    const headers = sign(keys, {
      method: 'POST',
      path: '/tags/arn%3Aaws%3Aivs%3Aus-east-1%3A123456789012%3Astage%2FabcdABCDefgh',
      host: 'ivsrealtime.us-east-1.amazonaws.com',
      body: '{"tags": {"a": "b"}}',
      now,
    });
    expect(headers).toEqual({
      'content-type': 'application/json',
      'x-amz-date': '20260102T030405Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/ivs/aws4_request, ' +
        'SignedHeaders=content-type;host;x-amz-date, ' +
        'Signature=83f537646785ff176ae6df1a2a6614f4552acec287957d3f18f7247d7e22c16c',
    });
  });

  it('cannot sign on a day without a key', () => {
    expect(canSign(keys, now)).toBe(true);
    const later = new Date('2026-01-05T00:00:00Z');
    expect(canSign(keys, later)).toBe(false);
    expect(() =>
      sign(keys, { method: 'POST', path: '/', host: 'h', body: '', now: later }),
    ).toThrow('20260105');
  });
});

describe('signingKeys', () => {
  it('keeps nothing from which the secret could be read', () => {
    const credentials = { accessKeyId: 'AKID', secretAccessKey: secret, region: 'us-east-1' };
    const kept = JSON.stringify(signingKeys(credentials, now));
    expect(kept).not.toContain(secret);
    expect(Object.keys(signingKeys(credentials, now).byDate)).toEqual([
      '20260101',
      '20260102',
      '20260103',
    ]);
  });
});

describe('Client', () => {
  const client = (respond: (url: string, init: RequestInit) => Response) =>
    new Client(
      signingKeys({ accessKeyId: 'AKID', secretAccessKey: secret, region: 'us-east-1' }),
      'http://stage.example:7400',
      (url, init) => Promise.resolve(respond(url, init)),
    );

  it('gives errors the name and the message that the server gave', async () => {
    const failing = client(() =>
      Response.json(
        { message: 'no such stage', exceptionMessage: 'no such stage' },
        { status: 404, headers: { 'x-amzn-ErrorType': 'ResourceNotFoundException:http://x/' } },
      ),
    );
    await expect(failing.getStage('arn')).rejects.toMatchObject({
      kind: 'ResourceNotFoundException',
      status: 404,
      message: 'no such stage',
    });
  });

  it('survives an error page that is no JSON', async () => {
    const failing = client(() => new Response('<h1>Bad gateway</h1>', { status: 502 }));
    await expect(failing.listStages()).rejects.toBeInstanceOf(ApiError);
  });

  it('takes the time from the server when its own clock is off', async () => {
    const dates: string[] = [];
    const skewed = client((_url, init) => {
      dates.push(new Headers(init.headers).get('x-amz-date') ?? '');
      const date = new Date(Date.now() + 3 * 60 * 60 * 1000).toUTCString();
      return dates.length === 1
        ? Response.json({}, { status: 403, headers: { date } })
        : Response.json({ stages: [] });
    });
    expect(await skewed.listStages()).toEqual({ stages: [] });
    expect(dates).toHaveLength(2);
    expect(dates[0] === dates[1]).toBe(false);
  });

  it('takes an empty answer for an empty object', async () => {
    await expect(client(() => new Response('')).deleteStage('arn')).resolves.toBeUndefined();
  });
});
