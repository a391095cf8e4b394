import { describe, expect, it } from 'vitest';
import { receivedWords, sentWords, type Figures } from '../src/stage/figures.ts';

const base = {
  audioMuted: false,
  videoStopped: false,
  publishing: true,
  subscriptions: [],
} satisfies Partial<Figures>;
const track = { mediaType: 'video', bitrate: 0, packetLoss: 0.01, jitterMs: 1 } as const;
const layers = [
  { rid: 'low', width: 320, height: 180, active: true },
  { rid: 'high', width: 1280, height: 720, active: true },
];
const publisher: Figures = {
  ...base,
  participantId: 'a',
  layers,
  publication: {
    sampledAt: 'now',
    bitrate: 1_900_000,
    tracks: [{ ...track, framerate: 30, width: 1280, height: 720 }],
  },
};
const viewer = (changes: object): Figures => ({
  ...base,
  participantId: 'b',
  subscriptions: [
    {
      publisherId: 'a',
      sampledAt: 'now',
      bitrate: 200_000,
      tracks: [{ ...track, roundTripMs: 21.3 }],
      ...changes,
    },
  ],
});

describe('what the stage page says of media', () => {
  it('names the sizes in which a picture is sent', () => {
    expect(sentWords(publisher)).toEqual(['1.90 Mbit/s', '720/180p · 30 fps · 1.0 % lost']);
    const { layers: _none, ...plain } = publisher;
    expect(sentWords(plain)?.[1]).toBe('1280×720 · 30 fps · 1.0 % lost');
  });

  it.each([
    [{ layer: 'high' }, '720p'],
    [{ layer: 'low', reason: 'bandwidth' }, '180p (line bears no more)'],
    [{ layer: 'low', reason: 'preference' }, '180p (by choice)'],
    [{ paused: true, reason: 'bandwidth' }, 'paused: line too thin'],
    [{ paused: true, reason: 'preference' }, 'sound only'],
    [{}, '1 publisher'],
    [{ layer: 'unheard-of' }, 'unheard-of'],
  ])('says which of them a viewer gets, and why: %j', (changes, words) => {
    expect(receivedWords(viewer(changes), { a: publisher })).toEqual([
      '200 kbit/s',
      `${words} · 1.0 % lost · 21 ms`,
    ]);
  });
});
