import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { Stage, SubscribeType } from '../src/index.js';
import { FakePlatform } from '../src/peer/fake.js';
import { version } from '../src/version.js';
import { makeToken } from './token.js';

const publisher = { id: 'a', isPublishing: true, tracks: ['audio', 'video'] };

async function watch() {
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
    participants: [publisher],
  });
  await joined;
  await vi.advanceTimersByTimeAsync(1);
  const told = () => platform.socket.sent.filter(({ type }) => type === 'STATS');
  return { platform, stage, told };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('statistics for the operator', () => {
  it('are told every ten seconds, of what is played', async () => {
    const { platform, stage, told } = await watch();
    const report = platform.peers[0]?.report;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told()).toEqual([]); // nothing has been decoded yet
    report?.set('1', { type: 'inbound-rtp', kind: 'audio', framesDecoded: 5 });
    report?.set('2', { type: 'inbound-rtp', kind: 'video', framesDecoded: 90, framesDropped: 10 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told()).toEqual([
      {
        type: 'STATS',
        payload: { subscriptions: [{ participantId: 'a', framesDecoded: 90, framesDropped: 10 }] },
      },
    ]);
    stage.leave();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told()).toHaveLength(1);
  });

  it('name the version of this package', () => {
    expect(version).toBe(manifest.version);
  });
});
