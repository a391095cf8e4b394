import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  LocalStageStream,
  Stage,
  StageErrorCode,
  StageEvents,
  SubscribeType,
} from '../src/index.js';
import { readIceServers } from '../src/media/exchange.js';
import { fragmentOf, withFragment } from '../src/peer/fragment.js';
import { FakePlatform, FakeTrack } from '../src/peer/fake.js';
import { makeToken } from './token.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const publisher = { id: 'a', isPublishing: true, tracks: ['audio', 'video'] };

async function join(claims: Record<string, unknown> = {}) {
  const platform = new FakePlatform();
  const mic = new LocalStageStream(FakeTrack.make('audio'));
  const stage = new Stage(
    makeToken(claims),
    {
      shouldPublishParticipant: () => true,
      stageStreamsToPublish: () => [mic],
      shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
    },
    { platform },
  );
  const heard: string[] = [];
  for (const event of Object.values(StageEvents)) {
    stage.on(event, (first: unknown, second: unknown) => {
      const who = typeof first === 'object' && first !== null && 'id' in first ? first.id : first;
      heard.push([event.replace(/stage(Participant)?/, ''), who, second].filter(isWord).join(' '));
    });
  }
  const joined = stage.join();
  const state = (resumed = false) =>
    platform.socket.say('STAGE_STATE', {
      version: 1,
      resume: 'key',
      resumed,
      pingIntervalSeconds: 600,
      participants: [publisher],
    });
  state();
  await joined;
  await settle();
  heard.length = 0;
  return { platform, stage, heard, state };
}

function isWord(value: unknown): value is string {
  return typeof value === 'string';
}

async function settle() {
  await vi.advanceTimersByTimeAsync(1);
}

describe('exchangeToken', () => {
  it('changes who one is, and says so once, when the server has agreed', async () => {
    const { platform, stage, heard } = await join();
    const other = makeToken({ user_id: 'grace', attributes: { role: 'guest' } });
    const exchanged = stage.exchangeToken(other);
    expect(platform.socket.sent.at(-1)).toEqual({
      type: 'EXCHANGE_TOKEN',
      payload: { token: other },
    });
    platform.socket.say('STAGE_UPDATE', {
      version: 2,
      changes: [
        {
          op: 'update',
          participant: {
            id: 'local-1',
            userId: 'grace',
            attributes: { role: 'guest' },
            isPublishing: true,
          },
        },
      ],
    });
    expect(heard).toEqual([]);
    platform.socket.say('TOKEN_EXCHANGED', {});
    await exchanged;
    expect(heard).toEqual(['MetadataChanged local-1']);
    expect(stage.localParticipant).toMatchObject({
      userId: 'grace',
      attributes: { role: 'guest' },
    });
    expect(platform.peers).toHaveLength(2);
  });

  it('uses the new token from then on', async () => {
    const { platform, stage } = await join();
    const other = makeToken({ user_id: 'grace' });
    const exchanged = stage.exchangeToken(other);
    platform.socket.say('TOKEN_EXCHANGED', {});
    await exchanged;
    platform.peers[0]?.become('down');
    platform.socket.drop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(platform.requests.at(-1)?.token).toBe(`Bearer ${other}`);
    expect(platform.socket.protocol).toBe(other);
  });

  it('stops at once what the new token does not allow', async () => {
    const { platform, stage, heard } = await join();
    const exchanged = stage.exchangeToken(makeToken({ capabilities: {} }));
    expect(heard).toEqual([
      'StreamsRemoved local-1',
      'PublishStateChanged local-1 not_published',
      'StreamsRemoved a',
      'SubscribeStateChanged a not_subscribed',
    ]);
    platform.socket.say('TOKEN_EXCHANGED', {});
    await exchanged;
    await settle();
    expect([...(stage.localParticipant?.capabilities ?? [])]).toEqual([]);
    expect(platform.peers.every((peer) => peer.closed)).toBe(true);
  });

  it('starts what the new token allows only once the server has agreed', async () => {
    const { platform, stage } = await join({ capabilities: { allow_subscribe: true } });
    const exchanged = stage.exchangeToken(makeToken());
    stage.refreshStrategy();
    await settle();
    expect(platform.peers).toHaveLength(1);
    platform.socket.say('TOKEN_EXCHANGED', {});
    await exchanged;
    await settle();
    expect(stage.localParticipant?.isPublishing).toBe(true);
  });

  it.each([
    [
      'a refusal',
      (p: FakePlatform) =>
        p.socket.say('EXCHANGE_FAILED', { code: 'TOKEN_INVALID', message: 'no' }),
    ],
    ['silence', () => vi.advanceTimersByTime(5000)],
    [
      'a forced leave',
      (p: FakePlatform) => p.socket.say('FORCED_LEAVE', { reason: 'failed-exchange' }),
    ],
  ])('leaves the stage after %s', async (_what, answer) => {
    const { platform, stage, heard } = await join();
    const exchanged = expect(
      stage.exchangeToken(makeToken({ user_id: 'x' })),
    ).rejects.toMatchObject({
      code: StageErrorCode.TOKEN_EXCHANGE_FAILED,
    });
    answer(platform);
    await exchanged;
    expect(heard.at(-1)).toBe('Left failed-exchange');
    await settle();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('says why it was refused', async () => {
    const { platform, stage } = await join();
    const exchanged = expect(stage.exchangeToken(makeToken())).rejects.toMatchObject({
      details: 'TOKEN_INVALID: signed by nobody',
    });
    platform.socket.say('EXCHANGE_FAILED', { code: 'TOKEN_INVALID', message: 'signed by nobody' });
    await exchanged;
  });

  it('asks again when the server says that it is busy', async () => {
    const { platform, stage } = await join();
    const exchanged = stage.exchangeToken(makeToken({ user_id: 'grace' }));
    platform.socket.say('EXCHANGE_FAILED', { code: 'RATE_LIMITED', retryAfterSeconds: 2 });
    await vi.advanceTimersByTimeAsync(2000);
    const asked = platform.socket.sent.filter(({ type }) => type === 'EXCHANGE_TOKEN');
    expect(asked).toHaveLength(2);
    platform.socket.say('TOKEN_EXCHANGED', {});
    await exchanged;
  });

  it('is said again on a socket that was lost meanwhile', async () => {
    const { platform, stage, state } = await join();
    platform.socket.drop();
    const exchanged = stage.exchangeToken(makeToken({ user_id: 'grace' }));
    await vi.advanceTimersByTimeAsync(600);
    state(true);
    expect(platform.socket.sent.at(-1)?.type).toBe('EXCHANGE_TOKEN');
    platform.socket.say('TOKEN_EXCHANGED', {});
    await exchanged;
    expect(stage.localParticipant?.userId).toBe('grace');
  });

  it.each([
    ['jti', 'another'],
    ['topic', 'another'],
    ['resource', 'arn:aws:ivs:us-east-1:000000000000:stage/Another'],
    ['whip_url', 'http://127.0.0.1:7401/whip'],
    ['events_url', 'ws://127.0.0.1:7401/events'],
  ])('is refused without asking when %s is not the same', async (claim, value) => {
    const { platform, stage, heard } = await join();
    await expect(stage.exchangeToken(makeToken({ [claim]: value }))).rejects.toMatchObject({
      code: StageErrorCode.TOKEN_EXCHANGE_FAILED,
      details: `${claim} is not the same`,
    });
    expect(platform.socket.sent.some(({ type }) => type === 'EXCHANGE_TOKEN')).toBe(false);
    expect(heard).toEqual([]);
  });

  it('needs a stage that is joined, a token, and no other exchange', async () => {
    const { platform, stage } = await join();
    await expect(stage.exchangeToken('token')).rejects.toMatchObject({
      code: StageErrorCode.TOKEN_MALFORMED,
    });
    const first = stage.exchangeToken(makeToken());
    await expect(stage.exchangeToken(makeToken())).rejects.toMatchObject({
      code: StageErrorCode.TOKEN_EXCHANGE_FAILED,
    });
    platform.socket.say('TOKEN_EXCHANGED', {});
    await first;
    stage.leave();
    await expect(stage.exchangeToken(makeToken())).rejects.toThrow('Stage is not joined');
  });
});

describe('readIceServers', () => {
  it('reads every server of a Link header, and nothing else', () => {
    expect(
      readIceServers(
        '<stun:h:3478>; rel="ice-server", <turns:h:5349?transport=tcp>; rel=ice-server; ' +
          'username="1:u,v;w"; credential="a=b"; credential-type="password", ' +
          '<https://h/help>; rel="help", <javascript:x>; rel="ice-server"',
      ),
    ).toEqual([
      { urls: 'stun:h:3478' },
      { urls: 'turns:h:5349?transport=tcp', username: '1:u,v;w', credential: 'a=b' },
    ]);
    expect(readIceServers('')).toEqual([]);
    expect(readIceServers('<<>;;;rel')).toEqual([]);
  });
});

describe('an ICE restart', () => {
  const offer =
    'v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:new\r\na=ice-pwd:secret\r\na=mid:0\r\n' +
    'm=video 9 UDP/TLS/RTP/SAVPF 102\r\na=ice-ufrag:new\r\na=ice-pwd:secret\r\na=mid:1\r\n';
  const answer =
    'v=0\r\na=ice-lite\r\nm=audio 9 X 111\r\na=ice-ufrag:o\r\na=ice-pwd:p\r\na=candidate:1 old\r\na=mid:0\r\n' +
    'm=video 9 X 102\r\na=ice-ufrag:o\r\na=ice-pwd:p\r\na=mid:1\r\n';

  it('tells the server its new credentials and where they belong', () => {
    expect(fragmentOf(offer)).toBe(
      'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:new\r\na=ice-pwd:secret\r\n',
    );
  });

  it("takes the server's credentials and addresses into the answer that holds", () => {
    expect(
      withFragment(
        answer,
        'a=ice-ufrag:n\r\na=ice-pwd:q\r\na=candidate:1 new\r\na=candidate:2 new\r\n',
      ),
    ).toBe(
      'v=0\r\na=ice-lite\r\nm=audio 9 X 111\r\na=ice-ufrag:n\r\na=ice-pwd:q\r\na=candidate:1 new\r\na=candidate:2 new\r\na=mid:0\r\n' +
        'm=video 9 X 102\r\na=ice-ufrag:n\r\na=ice-pwd:q\r\na=mid:1\r\n',
    );
    expect(withFragment(answer, 'a=ice-ufrag:n\r\na=ice-pwd:q\r\n')).toContain('a=candidate:1 old');
    expect(() => withFragment(answer, 'a=ice-ufrag:n')).toThrow('no credentials');
  });
});
