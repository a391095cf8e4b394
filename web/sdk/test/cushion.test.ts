import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Stage, SubscribeType } from '../src/index.js';
import { Cushion, receivedOf } from '../src/media/cushion.js';
import { FakePlatform } from '../src/peer/fake.js';
import { makeToken } from './token.js';

/** Plays seconds of a line that loses a share of 200 packets a second; returns the delay at the end. */
function line() {
  const cushion = new Cushion();
  const counted = { packets: 0, lost: 0 };
  let now = 0;
  return (seconds: number, share: number, roundTrip: number | null = 100) => {
    const roundTripMs = roundTrip ?? undefined;
    let ms = 0;
    for (let i = 0; i < seconds; i += 2) {
      now += 2000;
      counted.packets += 400;
      counted.lost += 400 * share;
      ms = cushion.next({ ...counted, roundTripMs }, now);
    }
    return ms;
  };
}

describe('Cushion', () => {
  it('is nothing on a line that is whole', () => {
    expect(line()(60, 0)).toBe(0);
    expect(line()(60, 0.001)).toBe(0);
  });

  it('leaves time to ask again, more often the more is lost', () => {
    expect(line()(20, 0.01, 50)).toBe(150);
    expect(line()(20, 0.05, 100)).toBe(350);
    expect(line()(20, 0.1, 200)).toBeGreaterThanOrEqual(550);
    expect(line()(20, 0.4, 300)).toBe(1000);
  });

  it('is taken away once the line was whole for half a minute', () => {
    const play = line();
    expect(play(20, 0.05)).toBe(350);
    expect(play(20, 0)).toBe(350);
    expect(play(30, 0)).toBe(0);
  });

  it('does not follow every breath of the line', () => {
    const play = line();
    const before = play(20, 0.05, 100);
    expect(play(20, 0.05, 110)).toBe(before);
    expect(play(20, 0.05, 60)).toBe(before);
  });

  it('waits until it knows the round trip, and begins anew with the counters', () => {
    const play = line();
    expect(play(20, 0.05, null)).toBe(0);
    const cushion = new Cushion();
    cushion.next({ packets: 5000, lost: 500, roundTripMs: 50 }, 0);
    expect(cushion.next({ packets: 100, lost: 0, roundTripMs: 50 }, 2000)).toBe(0);
  });

  it('reads the statistics of a browser', () => {
    const report = new Map<string, Record<string, unknown>>([
      ['a', { type: 'inbound-rtp', kind: 'audio', packetsReceived: 9 }],
      [
        'v',
        {
          type: 'inbound-rtp',
          kind: 'video',
          packetsReceived: 7,
          packetsLost: 1,
        },
      ],
      ['p', { type: 'candidate-pair', currentRoundTripTime: 0.05 }],
    ]);
    expect(receivedOf(report as unknown as RTCStatsReport)).toEqual({
      packets: 7,
      lost: 1,
      roundTripMs: 50,
    });
    expect(receivedOf(undefined)).toBeUndefined();
  });
});

describe('a subscription', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is played later on a line that loses packets, and in time again once that is over', async () => {
    const platform = new FakePlatform();
    const stage = new Stage(
      makeToken({}),
      {
        shouldPublishParticipant: () => false,
        stageStreamsToPublish: () => [],
        shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
      },
      { platform },
    );
    const joined = stage.join();
    platform.socket.say('STAGE_STATE', {
      version: 1,
      resume: 'key',
      pingIntervalSeconds: 600,
      participants: [{ id: 'a', isPublishing: true, tracks: ['audio', 'video'] }],
    });
    await joined;
    await vi.advanceTimersByTimeAsync(1);
    const peer = platform.peers[0];
    let packets = 0;
    let lost = 0;
    const play = async (seconds: number, share: number) => {
      for (let i = 0; i < seconds; i += 2) {
        packets += 400;
        lost += 400 * share;
        peer?.report.set('v', {
          type: 'inbound-rtp',
          kind: 'video',
          packetsReceived: packets,
          packetsLost: lost,
        });
        peer?.report.set('p', { type: 'candidate-pair', currentRoundTripTime: 0.1 });
        await vi.advanceTimersByTimeAsync(2000);
      }
      return peer?.delayMs;
    };
    expect(await play(20, 0)).toBe(0);
    expect(await play(20, 0.05)).toBe(350);
    expect(await play(50, 0)).toBe(0);
    stage.leave();
    expect(vi.getTimerCount()).toBe(0);
  });
});
