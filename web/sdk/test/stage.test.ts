import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  LocalStageStream,
  Stage,
  StageError,
  StageErrorCode,
  StageEvents,
  SubscribeType,
  type StageParticipantInfo,
  type StageStrategy,
  type StageStream,
} from '../src/index.js';
import { FakePlatform, FakeTrack } from '../src/peer/fake.js';
import { makeToken } from './token.js';

interface Wishes {
  publish: boolean;
  streams: (LocalStageStream | undefined)[];
  subscribe: SubscribeType;
}

function setUp(wishes: Partial<Wishes> = {}, claims: Record<string, unknown> = {}) {
  const platform = new FakePlatform();
  const wish: Wishes = { publish: false, streams: [], subscribe: SubscribeType.NONE, ...wishes };
  const strategy: StageStrategy = {
    shouldPublishParticipant: () => wish.publish,
    stageStreamsToPublish: () => wish.streams,
    shouldSubscribeToParticipant: () => wish.subscribe,
  };
  const token = makeToken(claims);
  const stage = new Stage(token, strategy, { platform });
  return { platform, wish, stage, token, strategy, heard: listen(stage) };
}

function listen(stage: Stage): string[] {
  const heard: string[] = [];
  const short = (value: unknown): string => {
    if (value instanceof StageError) return `${value.category} ${StageErrorCode[value.code]}`;
    if (Array.isArray(value)) return `[${value.map((s: StageStream) => s.streamType).join(' ')}]`;
    if (typeof value === 'object' && value !== null && 'isLocal' in value) {
      return (value as StageParticipantInfo).id;
    }
    if (typeof value === 'object' && value !== null && 'isMuted' in value) {
      const stream = value as StageStream;
      return `${stream.streamType} ${stream.isMuted ? 'muted' : 'audible'}`;
    }
    return String(value);
  };
  for (const event of Object.values(StageEvents)) {
    stage.on(event, (...args: unknown[]) => {
      const name = event.replace('stageParticipant', '').replace('stage', '');
      heard.push([name, ...args.map(short)].join(' '));
    });
  }
  return heard;
}

const person = (id: string, changes: Record<string, unknown> = {}) => ({
  id,
  userId: `user of ${id}`,
  attributes: {},
  isPublishing: true,
  audioMuted: false,
  videoStopped: false,
  tracks: ['audio', 'video'],
  ...changes,
});

const state = (participants: unknown[], changes: Record<string, unknown> = {}) => ({
  protocol: 1,
  version: 1,
  resume: 'key',
  resumed: false,
  pingIntervalSeconds: 60,
  participants,
  ...changes,
});

async function join({ platform, stage }: ReturnType<typeof setUp>, ...others: unknown[]) {
  const joined = stage.join();
  platform.socket.say('STAGE_STATE', state(others));
  await joined;
  await settle();
}

/** Lets everything happen that waits for no clock. */
async function settle() {
  await vi.advanceTimersByTimeAsync(1);
}

const audio = () => new LocalStageStream(FakeTrack.make('audio'));
const video = () => new LocalStageStream(FakeTrack.make('video'));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('joining', () => {
  it('resolves before it tells who is there, the local participant first', async () => {
    const set = setUp();
    const joined = set.stage.join();
    expect(set.heard).toEqual(['ConnectionStateChanged connecting']);
    set.platform.socket.say('STAGE_STATE', state([person('local-1'), person('a')]));
    await joined;
    expect(set.heard.at(-1)).toBe('ConnectionStateChanged connected');
    await settle();
    expect(set.heard.slice(2)).toEqual(['Joined local-1', 'Joined a']);
    expect(set.stage.localParticipant).toMatchObject({ userId: 'ada', isLocal: true });
  });

  it('goes to the events URL of the token, with the topic', () => {
    const { platform, stage, token } = setUp();
    stage.join().catch(() => undefined);
    expect(platform.socket.url.split('?')[0]).toBe('ws://127.0.0.1:7400/events/Abc123');
    expect(platform.socket.protocol).toBe(token);
  });

  it('is one join however often it is called', async () => {
    const set = setUp();
    const first = set.stage.join();
    expect(set.stage.join()).toBe(first);
    set.platform.socket.say('STAGE_STATE', state([]));
    await first;
    await settle();
    const before = [...set.heard];
    await set.stage.join();
    await settle();
    expect(set.heard).toEqual(before);
    expect(set.platform.sockets).toHaveLength(1);
  });

  it('does not lose an update that comes right after the state', async () => {
    const set = setUp();
    const joined = set.stage.join();
    set.platform.socket.say('STAGE_STATE', state([]));
    set.platform.socket.say('STAGE_UPDATE', {
      version: 2,
      changes: [{ op: 'join', participant: person('a') }],
    });
    await joined;
    await settle();
    expect(set.heard.slice(2)).toEqual(['Joined local-1', 'Joined a']);
  });

  it.each([
    ['STAGE_DELETED', 'STAGE_DELETED'],
    ['PARTICIPANT_DISCONNECTED', 'PARTICIPANT_DISCONNECTED'],
    ['TOKEN_EXPIRED', 'TOKEN_EXPIRED'],
    ['TOKEN_INVALID', 'TOKEN_MALFORMED'],
    ['STAGE_AT_CAPACITY', 'STAGE_AT_CAPACITY'],
    ['SOMETHING_NEW', 'FAILED'],
  ])('refused with %s rejects with %s, and the ERROR event says the same', async (code, name) => {
    const set = setUp();
    const refused = expect(set.stage.join()).rejects.toMatchObject({
      code: StageErrorCode[name as keyof typeof StageErrorCode],
      category: 'JOIN_ERROR',
    });
    set.platform.socket.say('JOIN_ERROR', { code, message: 'no' });
    await refused;
    expect(set.heard.at(-1)).toBe(`error JOIN_ERROR ${name}`);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives up after ten seconds', async () => {
    const set = setUp();
    const refused = expect(set.stage.join()).rejects.toMatchObject({
      code: StageErrorCode.TIMEOUT,
      message: 'Operation timed out',
    });
    await vi.advanceTimersByTimeAsync(10_000);
    await refused;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not even try with an expired token', async () => {
    const set = setUp({}, { exp: 1_000_000_000 });
    await expect(set.stage.join()).rejects.toMatchObject({ code: StageErrorCode.TOKEN_EXPIRED });
    expect(set.platform.sockets).toHaveLength(0);
  });

  it('is cancelled by leaving', async () => {
    const set = setUp();
    const refused = expect(set.stage.join()).rejects.toMatchObject({
      code: StageErrorCode.CANCELED,
    });
    set.stage.leave();
    await refused;
    expect(set.platform.socket.closedWith).toBe(1000);
  });
});

describe('publishing', () => {
  it('publishes what the strategy gives and reports the mute state before', async () => {
    const muted = audio();
    muted.setMuted(true);
    const set = setUp({ publish: true, streams: [undefined, muted, video()] });
    await join(set);
    expect(set.heard.slice(3)).toEqual([
      'PublishStateChanged local-1 attempting_publish',
      'PublishStateChanged local-1 published',
      'StreamsAdded local-1 [audio video]',
    ]);
    expect(set.platform.requests).toEqual([
      { method: 'POST', url: 'http://127.0.0.1:7400/whip', token: `Bearer ${set.token}` },
    ]);
    expect(set.platform.socket.sent).toContainEqual({
      type: 'SET_MEDIA_STATE',
      payload: { audioMuted: true, videoStopped: false },
    });
    expect(set.stage.localParticipant).toMatchObject({ isPublishing: true, audioMuted: true });
  });

  it('mutes without touching the session', async () => {
    const stream = audio();
    const set = setUp({ publish: true, streams: [stream, video()] });
    await join(set);
    set.heard.length = 0;
    stream.setMuted(true);
    stream.setMuted(true);
    expect(set.heard).toEqual(['StreamMuteChanged local-1 audio muted']);
    expect(stream.mediaStreamTrack.enabled).toBe(false);
    expect(set.platform.socket.sent.at(-1)).toEqual({
      type: 'SET_MEDIA_STATE',
      payload: { audioMuted: true, videoStopped: false },
    });
    expect(set.platform.peers).toHaveLength(1);
  });

  it('compares tracks, not stream objects: a refresh with the same tracks does nothing', async () => {
    const [a, v] = [FakeTrack.make('audio'), FakeTrack.make('video')];
    const set = setUp({ publish: true, streams: [new LocalStageStream(a)] });
    set.strategy.stageStreamsToPublish = () => [new LocalStageStream(a), new LocalStageStream(v)];
    await join(set);
    set.heard.length = 0;
    set.stage.refreshStrategy();
    await settle();
    expect(set.heard).toEqual([]);
    expect(set.platform.peers).toHaveLength(1);
  });

  it('puts a new track in the place of the old one', async () => {
    const set = setUp({ publish: true, streams: [audio(), video()] });
    await join(set);
    set.heard.length = 0;
    const other = video();
    set.wish.streams = [set.wish.streams[0], other];
    set.stage.refreshStrategy();
    expect(set.heard).toEqual(['StreamsRemoved local-1 [video]', 'StreamsAdded local-1 [video]']);
    expect(set.platform.peers[0]?.replaced.at(-1)?.[1]?.track).toBe(other.mediaStreamTrack);
    expect(set.platform.peers).toHaveLength(1);
  });

  it('tells the server when publishing ends, and says so', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    await join(set);
    set.heard.length = 0;
    set.wish.publish = false;
    set.stage.refreshStrategy();
    expect(set.heard).toEqual([
      'StreamsRemoved local-1 [audio]',
      'PublishStateChanged local-1 not_published',
    ]);
    expect(set.platform.requests.at(-1)).toMatchObject({
      method: 'DELETE',
      url: 'http://127.0.0.1:7400/whip/sessions/1',
    });
    expect(set.platform.peers[0]?.closed).toBe(true);
  });

  it('does not ask the strategy when the token does not allow it', async () => {
    const set = setUp(
      { publish: true, streams: [audio()] },
      { capabilities: { allow_subscribe: true } },
    );
    await join(set);
    expect(set.platform.peers).toHaveLength(0);
    expect([...(set.stage.localParticipant?.capabilities ?? [])]).toEqual(['subscribe']);
  });

  it('repairs an interrupted path, and tells the server as often as it takes', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    await join(set);
    set.heard.length = 0;
    let failures = 2;
    set.platform.respond = () => {
      if (failures-- > 0) throw new Error('no network');
      return undefined;
    };
    set.platform.peers[0]?.become('interrupted');
    await vi.advanceTimersByTimeAsync(2000);
    expect(set.platform.peers[0]?.restarts).toEqual(['server fragment']);
    expect(set.platform.requests.slice(1)).toEqual(
      [1, 2, 3].map(() => ({
        method: 'PATCH',
        url: 'http://127.0.0.1:7400/whip/sessions/1',
        token: `Bearer ${set.token}`,
      })),
    );
    await vi.advanceTimersByTimeAsync(20_000);
    expect(set.heard).toEqual([]);
    expect(set.platform.peers).toHaveLength(1);
  });

  it('leaves a lost session open until the next is up, so that nobody sees it end', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    await join(set);
    let answer: () => void = () => undefined;
    set.platform.respond = ({ method }) => {
      if (method === 'PATCH') return new Response(null, { status: 404 });
      const created = new Response('answer', { status: 201, headers: { Location: '/whip/2' } });
      return new Promise((resolve) => {
        answer = () => resolve(created);
      });
    };
    set.platform.peers[0]?.become('interrupted');
    await vi.advanceTimersByTimeAsync(1000);
    expect(set.platform.peers.map((peer) => peer.closed)).toEqual([false, false]);
    answer();
    await settle();
    expect(set.platform.peers.map((peer) => peer.closed)).toEqual([true, false]);
    set.platform.peers[1]?.become('interrupted');
    await vi.advanceTimersByTimeAsync(1000);
    set.stage.leave();
    expect(set.platform.peers[1]?.closed).toBe(true);
  });

  it('looks for another path when the device is on another network', async () => {
    const set = setUp({
      publish: true,
      streams: [audio()],
      subscribe: SubscribeType.AUDIO_VIDEO,
    });
    await join(set, person('a'));
    set.platform.online();
    set.platform.online();
    await vi.advanceTimersByTimeAsync(1000);
    expect(set.platform.peers.map((peer) => peer.restarts.length)).toEqual([2, 2]);
    expect(set.platform.peers).toHaveLength(2);
  });

  it('makes a new session when the server knows the old one no more', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    await join(set);
    set.platform.respond = ({ method }) =>
      method === 'PATCH'
        ? Response.json({ code: 'SESSION_NOT_FOUND' }, { status: 404 })
        : undefined;
    set.platform.peers[0]?.become('interrupted');
    await vi.advanceTimersByTimeAsync(1000);
    expect(set.platform.peers.map((p) => p.closed)).toEqual([true, false]);
    expect(set.stage.localParticipant?.isPublishing).toBe(true);
  });

  it('makes a new session when the path stays lost', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    set.platform.prepare = (peer) => {
      peer.acceptRestart = () => Promise.resolve();
    };
    await join(set);
    set.heard.length = 0;
    set.platform.peers[0]?.become('interrupted');
    await vi.advanceTimersByTimeAsync(11_900);
    expect(set.heard).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(set.heard).toEqual([
      'StreamsRemoved local-1 [audio]',
      'PublishStateChanged local-1 attempting_publish',
      'PublishStateChanged local-1 published',
      'StreamsAdded local-1 [audio]',
    ]);
  });

  it('ends, and does not try again by itself, when the server may not take what is sent', async () => {
    const set = setUp({ publish: true, streams: [video()] });
    await join(set);
    set.heard.length = 0;
    set.platform.socket.say('ERROR', { code: 'BAD_FRAME', message: 'what?' });
    set.platform.socket.say('ERROR', { code: 'RESOLUTION_EXCEEDED', message: 'too large' });
    await vi.advanceTimersByTimeAsync(40_000);
    expect(set.heard).toEqual([
      'StreamsRemoved local-1 [video]',
      'PublishStateChanged local-1 errored',
      'error PUBLISH_ERROR FAILED',
    ]);
    expect(set.platform.peers).toHaveLength(1);
    set.stage.refreshStrategy();
    await settle();
    expect(set.heard.at(-1)).toBe('StreamsAdded local-1 [video]');
  });

  it('knows the relays of the server from the first session on', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    const joined = set.stage.join();
    const relay = { urls: ['turn:h:3478?transport=udp'], username: 'u', credential: 'c' };
    const iceServers = [{ ...relay, ttlSeconds: 300 }, { urls: ['http://h'] }, 7];
    set.platform.socket.say('STAGE_STATE', state([], { iceServers }));
    await joined;
    await settle();
    expect(set.platform.peers[0]?.options.iceServers).toEqual([relay]);
  });

  it('asks the servers that help when the first path does not come up', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    set.platform.prepare = (peer) => {
      peer.connects = false;
      peer.restart = ({ iceServers }) => {
        peer.connects = true;
        return Promise.resolve(JSON.stringify(iceServers));
      };
    };
    set.platform.respond = ({ method }) =>
      method === 'POST'
        ? new Response('answer', {
            status: 201,
            headers: {
              Location: '/whip/sessions/9',
              Link: '<turn:h:3478?transport=tcp>; rel="ice-server"; username="u"; credential="c;,"',
            },
          })
        : undefined;
    await join(set);
    expect(set.heard.at(-1)).toBe('PublishStateChanged local-1 attempting_publish');
    await vi.advanceTimersByTimeAsync(3000);
    expect(set.heard.at(-1)).toBe('StreamsAdded local-1 [audio]');
    expect(set.platform.peers).toHaveLength(1);
  });

  it('waits for an interrupted path that heals', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    await join(set);
    set.platform.peers[0]?.become('interrupted');
    set.platform.peers[0]?.become('connected');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(set.platform.peers).toHaveLength(1);
  });

  it('gives up after thirty seconds, and tries again when refreshed', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    set.platform.respond = () => new Response('', { status: 500 });
    await join(set);
    await vi.advanceTimersByTimeAsync(36_000);
    expect(set.heard.slice(3)).toEqual([
      'PublishStateChanged local-1 attempting_publish',
      'PublishStateChanged local-1 errored',
      'error PUBLISH_ERROR FAILED',
    ]);
    set.platform.respond = () => undefined;
    set.stage.refreshStrategy();
    await settle();
    expect(set.stage.localParticipant?.isPublishing).toBe(true);
  });

  it('gives up at once when the server says never', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    set.platform.respond = () =>
      Response.json({ code: 'INSUFFICIENT_CAPABILITIES', detail: 'no' }, { status: 403 });
    await join(set);
    expect(set.heard.at(-1)).toBe('error PUBLISH_ERROR TOKEN_NOT_ALLOWED');
    expect(set.platform.requests).toHaveLength(1);
  });
});

describe('subscribing', () => {
  it('subscribes to whoever publishes and shows the streams, muted as they are', async () => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_VIDEO });
    const added: StageStream[] = [];
    set.stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (_p, s) => added.push(...s));
    await join(set, person('a/b', { audioMuted: true }));
    expect(set.heard.slice(3)).toEqual([
      'Joined a/b',
      'SubscribeStateChanged a/b attempting_subscribe',
      'SubscribeStateChanged a/b subscribed',
      'StreamsAdded a/b [audio video]',
    ]);
    expect(set.platform.requests[0]?.url).toBe('http://127.0.0.1:7400/whip/subscribe/a%2Fb');
    expect(added.map((s) => [s.isMuted, s.mediaStreamTrack.enabled])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('tells a mute once, after the participant and the stream show it', async () => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_VIDEO });
    await join(set, person('a'));
    set.heard.length = 0;
    const seen: boolean[] = [];
    set.stage.on(StageEvents.STAGE_STREAM_MUTE_CHANGED, (p, s) =>
      seen.push(p.videoStopped, s.isMuted),
    );
    const change = { op: 'update', participant: person('a', { videoStopped: true }) };
    set.platform.socket.say('STAGE_UPDATE', { version: 2, changes: [change] });
    set.platform.socket.say('STAGE_UPDATE', { version: 3, changes: [change] });
    expect(set.heard).toEqual(['StreamMuteChanged a video muted']);
    expect(seen).toEqual([true, true]);
  });

  it('asks for audio alone when that is all that is wanted', async () => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_ONLY });
    await join(set, person('a'));
    expect(set.platform.peers[0]?.options).toMatchObject({
      direction: 'receive',
      kinds: ['audio'],
    });
  });

  it('takes away only the video when the wish narrows to audio', async () => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_VIDEO });
    await join(set, person('a'));
    set.heard.length = 0;
    set.wish.subscribe = SubscribeType.AUDIO_ONLY;
    set.stage.refreshStrategy();
    expect(set.heard).toEqual(['StreamsRemoved a [video]']);
    set.wish.subscribe = SubscribeType.AUDIO_VIDEO;
    set.stage.refreshStrategy();
    expect(set.heard.slice(1)).toEqual(['StreamsAdded a [video]']);
    expect(set.platform.peers).toHaveLength(1);
  });

  it('makes a new session when more is wanted than the present one carries', async () => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_ONLY });
    await join(set, person('a'));
    set.wish.subscribe = SubscribeType.AUDIO_VIDEO;
    set.stage.refreshStrategy();
    await settle();
    expect(set.platform.peers).toHaveLength(2);
    expect(set.platform.requests.map((r) => r.method)).toEqual(['POST', 'DELETE', 'POST']);
    expect(set.heard.at(-1)).toBe('StreamsAdded a [audio video]');
  });

  it('shows a track when the publisher starts to send it', async () => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_VIDEO });
    await join(set, person('a', { tracks: ['audio'] }));
    expect(set.heard.at(-1)).toBe('StreamsAdded a [audio]');
    set.platform.socket.say('STAGE_UPDATE', {
      version: 2,
      changes: [{ op: 'update', participant: person('a') }],
    });
    expect(set.heard.at(-1)).toBe('StreamsAdded a [video]');
  });

  it('removes the streams before it says that the publisher left, without a request', async () => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_VIDEO });
    await join(set, person('a'));
    set.heard.length = 0;
    set.platform.socket.say('STAGE_UPDATE', {
      version: 2,
      changes: [{ op: 'leave', participant: { id: 'a' } }],
    });
    expect(set.heard).toEqual([
      'StreamsRemoved a [audio video]',
      'SubscribeStateChanged a not_subscribed',
      'Left a',
    ]);
    expect(set.platform.requests).toHaveLength(1);
  });

  it('may be refreshed from inside a listener', async () => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_VIDEO });
    set.stage.on(StageEvents.STAGE_PARTICIPANT_JOINED, () => set.stage.refreshStrategy());
    await join(set, person('a'), person('b'));
    expect(set.platform.peers).toHaveLength(2);
  });

  it('keeps trying while a publisher is not there yet', async () => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_VIDEO });
    let refusals = 2;
    set.platform.respond = () =>
      refusals-- > 0 ? Response.json({ code: 'PUBLISHER_NOT_FOUND' }, { status: 404 }) : undefined;
    await join(set, person('a'));
    await vi.advanceTimersByTimeAsync(2000);
    expect(set.heard.at(-1)).toBe('StreamsAdded a [audio video]');
  });
});

describe('a lost socket', () => {
  it('is errored, then connecting, and keeps the media when the server still knows it', async () => {
    const set = setUp({ publish: true, streams: [audio()], subscribe: SubscribeType.AUDIO_VIDEO });
    await join(set, person('a'));
    set.heard.length = 0;
    set.platform.socket.drop();
    await vi.advanceTimersByTimeAsync(600);
    set.platform.socket.say('STAGE_STATE', state([person('a'), person('b')], { resumed: true }));
    await settle();
    expect(set.heard.slice(0, 4)).toEqual([
      'ConnectionStateChanged errored',
      'ConnectionStateChanged connecting',
      'ConnectionStateChanged connected',
      'Joined b',
    ]);
    expect(set.platform.peers.map((p) => p.closed)).toEqual([false, false, false]);
    expect(set.platform.socket.sent).toContainEqual({
      type: 'SET_MEDIA_STATE',
      payload: { audioMuted: false, videoStopped: true },
    });
  });

  it('makes all media anew when the server has forgotten it', async () => {
    const set = setUp({ publish: true, streams: [audio()], subscribe: SubscribeType.AUDIO_VIDEO });
    await join(set, person('a'));
    set.platform.socket.drop();
    await vi.advanceTimersByTimeAsync(600);
    set.platform.socket.say('STAGE_STATE', state([person('a')], { resumed: false }));
    await vi.advanceTimersByTimeAsync(600);
    expect(set.platform.peers.map((p) => p.closed)).toEqual([true, true, false, false]);
    expect(set.stage.localParticipant?.isPublishing).toBe(true);
  });

  it('leaves media alone that came back before the socket did', async () => {
    const set = setUp({ publish: true, streams: [audio()] });
    await join(set);
    set.platform.socket.drop();
    set.platform.peers[0]?.become('down');
    await vi.advanceTimersByTimeAsync(450);
    set.platform.socket.say('STAGE_STATE', state([], { resumed: false }));
    await vi.advanceTimersByTimeAsync(5000);
    expect(set.platform.peers.map((p) => p.closed)).toEqual([true, false]);
  });

  it('ends the stage when the way back is refused', async () => {
    const set = setUp();
    await join(set, person('a'));
    set.heard.length = 0;
    set.platform.socket.drop();
    await vi.advanceTimersByTimeAsync(600);
    set.platform.socket.say('JOIN_ERROR', { code: 'STAGE_DELETED' });
    expect(set.heard.slice(2)).toEqual([
      'Left a',
      'Left local-1',
      'ConnectionStateChanged disconnected',
      'Left stage-deleted',
    ]);
  });
});

describe('leaving', () => {
  it('removes streams, then people, then states, and says so last', async () => {
    const set = setUp({ publish: true, streams: [audio()], subscribe: SubscribeType.AUDIO_VIDEO });
    await join(set, person('a'));
    set.heard.length = 0;
    set.stage.leave();
    expect(set.heard).toEqual([
      'StreamsRemoved a [audio video]',
      'StreamsRemoved local-1 [audio]',
      'Left a',
      'Left local-1',
      'SubscribeStateChanged a not_subscribed',
      'PublishStateChanged local-1 not_published',
      'ConnectionStateChanged disconnected',
      'Left user-initiated',
    ]);
    expect(set.platform.socket.sent.at(-1)).toEqual({ type: 'LEAVE' });
    expect(set.platform.peers.every((p) => p.closed)).toBe(true);
    await settle();
    expect(vi.getTimerCount()).toBe(0);
    expect(set.platform.requests.every((r) => r.method === 'POST')).toBe(true);
  });

  it('ends each media session by itself while the socket is down', async () => {
    const set = setUp({ publish: true, streams: [audio()], subscribe: SubscribeType.AUDIO_VIDEO });
    await join(set, person('a'));
    set.platform.socket.drop();
    set.stage.leave();
    expect(set.platform.requests.filter((r) => r.method === 'DELETE')).toHaveLength(2);
  });

  it('leaves the way open to join again', async () => {
    const set = setUp();
    await join(set, person('a'));
    set.stage.leave();
    set.stage.leave();
    set.heard.length = 0;
    await join(set, person('a'));
    expect(set.heard.slice(-2)).toEqual(['Joined local-1', 'Joined a']);
  });

  it.each([
    ['token-reused', 'token-reused'],
    ['participant-disconnected', 'participant-disconnected'],
    ['stage-deleted', 'stage-deleted'],
    ['duration-over', 'unknown'],
  ])('is forced by %s: disconnected straight away, no ERROR, reason %s', async (word, reason) => {
    const set = setUp({ subscribe: SubscribeType.AUDIO_VIDEO });
    await join(set, person('a'));
    set.heard.length = 0;
    set.platform.socket.say('FORCED_LEAVE', { reason: word });
    expect(set.heard).toEqual([
      'StreamsRemoved a [audio video]',
      'Left a',
      'Left local-1',
      'SubscribeStateChanged a not_subscribed',
      'ConnectionStateChanged disconnected',
      `Left ${reason}`,
    ]);
  });
});

describe('the ways applications use it', () => {
  it('may be subclassed, with join as a property and the strategy put in place early', async () => {
    const platform = new FakePlatform();
    class Room extends Stage {
      override readonly join = async () => {
        await super.join();
        this.emit('room-joined', 'yes');
      };
      constructor() {
        const strategy: StageStrategy = {
          shouldPublishParticipant: () => false,
          stageStreamsToPublish: () => [],
          shouldSubscribeToParticipant: () => SubscribeType.NONE,
        };
        super(makeToken(), strategy, { platform });
        this.replaceStrategy(strategy);
      }
    }
    const room = new Room();
    const heard = vi.fn();
    room.on('room-joined', heard);
    const joined = room.join();
    platform.socket.say('STAGE_STATE', state([]));
    await joined;
    expect(heard).toHaveBeenCalledWith('yes');
  });

  it('gives out methods that work as plain callbacks', async () => {
    const set = setUp();
    const { join: go, leave, refreshStrategy, on } = set.stage;
    const left = vi.fn();
    on(StageEvents.STAGE_LEFT, left);
    const joined = go();
    set.platform.socket.say('STAGE_STATE', state([]));
    await joined;
    refreshStrategy();
    leave();
    expect(left).toHaveBeenCalledWith('user-initiated');
  });

  it('gives out participants that can be spread', async () => {
    const set = setUp();
    const people: StageParticipantInfo[] = [];
    set.stage.on(StageEvents.STAGE_PARTICIPANT_JOINED, (p) => people.push({ ...p }));
    await join(set, person('a', { attributes: { name: '<b>' } }));
    expect(people[1]).toMatchObject({
      id: 'a',
      userId: 'user of a',
      attributes: { name: '<b>' },
      isLocal: false,
      isPublishing: true,
    });
    expect(people[1]?.capabilities.has('publish')).toBe(true);
  });

  it('refuses a malformed token in the constructor, and a stream without a track', () => {
    expect(() => setUp({}, { jti: '' })).toThrow(StageError);
    expect(() => new LocalStageStream(null as unknown as MediaStreamTrack)).toThrow(TypeError);
  });
});
