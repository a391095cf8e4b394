import { describe, expect, it, vi } from 'vitest';
import { Client } from '../src/aws/client.ts';
import { signingKeys } from '../src/aws/session.ts';
import { deriveKeys, queryOf, sign } from '../src/aws/sigv4.ts';
import { Feed } from '../src/told/feed.ts';
import { patternOf, patternProblem } from '../src/told/pattern.ts';
import { readEvents, type Sent } from '../src/told/sse.ts';

const encoder = new TextEncoder();

function streamOf(chunks: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
}

describe('readEvents', () => {
  const text =
    ': hello\n\nid: 7\ndata: {"a":\ndata: "ü"}\nevent: x\n\nid:8\r\ndata:b\r\n\r\n:\n\nid: 9\n';

  it('reads ids and data, and passes over comments and what is not whole', async () => {
    const seen: Sent[] = [];
    await readEvents(streamOf([text]), (event) => seen.push(event));
    expect(seen).toEqual([
      { id: '7', data: '{"a":\n"ü"}' },
      { id: '8', data: 'b' },
    ]);
  });

  it('reads the same wherever the network cuts', async () => {
    const bytes = encoder.encode(text);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const seen: Sent[] = [];
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes.slice(0, cut));
          controller.enqueue(bytes.slice(cut));
          controller.close();
        },
      });
      await readEvents(stream, (event) => seen.push(event));
      expect(seen.map(({ id, data }) => [id, data])).toEqual([
        ['7', '{"a":\n"ü"}'],
        ['8', 'b'],
      ]);
    }
  });
});

describe('a signed query', () => {
  it('is sorted and encoded as AWS does', () => {
    expect(queryOf({ pattern: '{"a":["b c*"]}', after: '1' })).toBe(
      'after=1&pattern=%7B%22a%22%3A%5B%22b%20c%2A%22%5D%7D',
    );
  });

  it('is part of what is signed', () => {
    const now = new Date('2026-01-02T03:04:05Z');
    const keys = deriveKeys('AKID', 'secret', 'us-east-1', [now]);
    const signed = (query: string) =>
      sign(keys, { method: 'GET', path: '/x', query, host: 'h', body: '', now })['authorization'];
    expect(signed('after=1')).not.toBe(signed('after=2'));
  });
});

describe('a pattern', () => {
  it('is made of the fields that are filled', () => {
    expect(patternOf({ name: '', stageArn: '', participant: '' })).toBe('');
    expect(
      patternOf({
        name: 'Participant Published',
        stageArn: 'arn:aws:ivs:r:1:stage/a',
        participant: '',
      }),
    ).toBe(
      '{"resources":["arn:aws:ivs:r:1:stage/a"],"detail":{"event_name":["Participant Published"]}}',
    );
  });

  it('must be a JSON object', () => {
    expect(patternProblem('')).toBeUndefined();
    expect(patternProblem('{}')).toBeUndefined();
    expect(patternProblem('[]')).toMatch(/object/);
    expect(patternProblem('{')).toMatch(/JSON/);
  });
});

describe('Feed', () => {
  const told = (seq: number) => ({ seq, event: { id: `e${seq}`, detail: {}, resources: [] } });
  const line = (seq: number) => `id: ${seq}\ndata: ${JSON.stringify(told(seq).event)}\n\n`;

  it('goes on after the last event when the stream breaks, and shows none twice', async () => {
    const asked: string[] = [];
    let streams = 0;
    const keys = signingKeys({ accessKeyId: 'A', secretAccessKey: 's', region: 'us-east-1' });
    const client = new Client(keys, 'http://h', (url) => {
      const { pathname, search } = new URL(url);
      asked.push(pathname.replace('/admin/v1', '') + search);
      if (!pathname.endsWith('/stream')) {
        const isTail = search.includes('after=');
        return Promise.resolve(
          Response.json({ events: isTail ? [told(1), told(2)] : [], next: 2, first: 1, last: 2 }),
        );
      }
      streams += 1;
      if (streams === 1) return Promise.resolve(new Response(streamOf([line(2), line(3)])));
      if (streams === 2) return Promise.resolve(new Response(streamOf([line(4)])));
      return new Promise(() => undefined);
    });
    const feed = new Feed(client, { pattern: undefined, from: undefined });
    const end = feed.start();
    await vi.waitFor(() => expect(streams).toBe(3), { timeout: 5000 });
    await vi.waitFor(() =>
      expect(feed.snapshot().events.map(({ seq }) => seq)).toEqual([4, 3, 2, 1]),
    );
    expect(asked).toEqual([
      '/events?limit=1',
      '/events?after=0&limit=1000',
      '/events/stream?after=2',
      '/events/stream?after=3',
      '/events/stream?after=4',
    ]);
    end();
  });

  it('keeps what comes while it is paused, and shows it afterwards', async () => {
    let push: (text: string) => void = () => undefined;
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        push = (text) => controller.enqueue(encoder.encode(text));
      },
    });
    const keys = signingKeys({ accessKeyId: 'A', secretAccessKey: 's', region: 'us-east-1' });
    const client = new Client(keys, 'http://h', () => Promise.resolve(new Response(stream)));
    const feed = new Feed(client, { pattern: undefined, from: '2026-01-02T03:04:05Z' });
    const end = feed.start();
    await vi.waitFor(() => expect(feed.snapshot().isFollowing).toBe(true));
    feed.pause(true);
    push(line(5) + line(6));
    await vi.waitFor(() => expect(feed.snapshot().waiting).toBe(2));
    expect(feed.snapshot().events).toEqual([]);
    feed.pause(false);
    expect(feed.snapshot().events.map(({ seq }) => seq)).toEqual([6, 5]);
    expect(feed.snapshot().waiting).toBe(0);
    end();
  });
});
