import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  InitialLayerPreference,
  JitterBufferMinDelay,
  LocalStageStream,
  RemoteStageStream,
  RemoteStageStreamEvents,
  SimulcastLayerPresets,
  Stage,
  StageEvents,
  SubscribeType,
  type StageStrategy,
  type StageStreamLayer,
} from '../src/index.js';
import { FakePlatform, FakeTrack } from '../src/peer/fake.js';
import type { LocalMedia, PeerOptions } from '../src/peer/platform.js';
import { encodingsFor, layerWishes } from '../src/streams/layers.js';
import { makeToken } from './token.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the layers that are sent', () => {
  const sent = (width: number, height: number, config = {}) =>
    encodingsFor({ width, height }, layerWishes({ simulcast: { enabled: true }, ...config })).map(
      ({ rid, scaleDownBy = 1, maxBitrate, maxFramerate }) =>
        `${rid} ${width / scaleDownBy}x${height / scaleDownBy} ${maxBitrate / 1000} ${maxFramerate}`,
    );

  it.each([
    [1280, 720, ['low 320x180 200 15', 'mid 640x360 700 20', 'high 1280x720 1700 30']],
    [720, 1280, ['low 180x320 200 15', 'mid 360x640 700 20', 'high 720x1280 1700 30']],
    [960, 540, ['low 320x180 200 15', 'high 960x540 1700 30']],
    [640, 360, ['low 320x180 200 15', 'high 640x360 1700 30']],
    [480, 270, [' 480x270 1700 30']],
    [320, 180, [' 320x180 1700 30']],
    [1920, 1080, ['low 320x180 200 15', 'mid 640x360 700 20', 'high 1280x720 1700 30']],
  ])('suit a picture of %d x %d', (width, height, layers) => {
    expect(sent(width, height)).toEqual(layers);
  });

  it('are one when nobody asked for more, or when the line is thin', () => {
    expect(sent(1280, 720, { simulcast: undefined })).toEqual([' 1280x720 2500 30']);
    expect(sent(1920, 1080, { simulcast: { enabled: false } })).toEqual([' 1280x720 2500 30']);
    expect(sent(1280, 720, { maxVideoBitrateKbps: 899 })).toEqual([' 1280x720 899 30']);
    expect(sent(1280, 720, { maxVideoBitrateKbps: 900 })).toHaveLength(3);
  });

  it('are those that the application names, but not larger than the picture', () => {
    const { DEFAULT_180, DEFAULT_360, DEFAULT_720 } = SimulcastLayerPresets;
    const simulcast = { enabled: true, layers: [DEFAULT_720, DEFAULT_180, DEFAULT_360] };
    expect(sent(1280, 720, { simulcast })).toEqual(sent(1280, 720));
    expect(sent(640, 360, { simulcast })).toEqual(['low 320x180 200 15', 'high 640x360 700 20']);
    expect(sent(1280, 720, { simulcast: { enabled: true, layers: [DEFAULT_360] } })).toEqual([
      ' 640x360 700 20',
    ]);
  });

  it.each([
    ['four of them', Array.from({ length: 4 }, () => SimulcastLayerPresets.DEFAULT_180)],
    [
      'more bitrate than the stream has',
      [{ ...SimulcastLayerPresets.DEFAULT_720, maxBitrateKbps: 2501 }],
    ],
    [
      'more frames than the stream has',
      [{ ...SimulcastLayerPresets.DEFAULT_720, maxFramerate: 31 }],
    ],
    ['too large', [{ width: 1920, height: 1080, maxBitrateKbps: 2000, maxFramerate: 30 }]],
    ['too small', [{ width: 256, height: 144, maxBitrateKbps: 100, maxFramerate: 15 }]],
    [
      'of two shapes',
      [SimulcastLayerPresets.DEFAULT_720, { ...SimulcastLayerPresets.DEFAULT_360, width: 480 }],
    ],
    ['without a bitrate', [{ width: 640, height: 360, maxFramerate: 15 } as never]],
  ])('are refused when they are %s', (_what, layers) => {
    const make = () =>
      new LocalStageStream(FakeTrack.make('video'), { simulcast: { enabled: true, layers } });
    expect(make).toThrow(RangeError);
  });

  it('are named presets that nobody can change', () => {
    expect(Object.isFrozen(SimulcastLayerPresets)).toBe(true);
    expect(Object.values(SimulcastLayerPresets).every((layer) => Object.isFrozen(layer))).toBe(
      true,
    );
    const streams = Object.values(SimulcastLayerPresets).map(
      (layer) =>
        new LocalStageStream(FakeTrack.make('video'), {
          simulcast: { enabled: true, layers: [layer] },
        }),
    );
    expect(streams).toHaveLength(7);
  });
});

const three = [
  { rid: 'low', width: 320, height: 180, active: true },
  { rid: 'mid', width: 640, height: 360, active: true },
  { rid: 'high', width: 1280, height: 720, active: true },
];
const publisher = (changes = {}) => ({
  id: 'a',
  isPublishing: true,
  tracks: ['audio', 'video'],
  layers: three,
  ...changes,
});

async function join(strategy: Partial<StageStrategy> = {}, participants: unknown[] = []) {
  const platform = new FakePlatform();
  const stage = new Stage(
    makeToken(),
    {
      shouldPublishParticipant: () => false,
      stageStreamsToPublish: () => [],
      shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
      ...strategy,
    },
    { platform },
  );
  const heard: string[] = [];
  const events = StageEvents;
  const label = (layer: StageStreamLayer | undefined) => layer?.label ?? 'none';
  stage.on(events.STAGE_STREAM_ADAPTION_CHANGED, (p, _s, on) => heard.push(`${p.id} adapts ${on}`));
  stage.on(events.STAGE_STREAM_LAYERS_CHANGED, (p, _s, layers) =>
    heard.push(`${p.id} has ${layers.map(label).join(' ')}`),
  );
  stage.on(events.STAGE_STREAM_LAYER_SELECTED, (p, _s, layer, reason) =>
    heard.push(`${p.id} shows ${label(layer)} ${reason}`),
  );
  const joined = stage.join();
  const state = (resumed: boolean) =>
    platform.socket.say('STAGE_STATE', {
      version: 1,
      resume: 'key',
      resumed,
      pingIntervalSeconds: 600,
      participants,
    });
  state(false);
  await joined;
  await vi.advanceTimersByTimeAsync(1);
  let version = 1;
  const update = (participant: unknown) =>
    platform.socket.say('STAGE_UPDATE', {
      version: (version += 1),
      changes: [{ op: 'update', participant }],
    });
  const told = () =>
    platform.sockets
      .flatMap(({ sent }) => sent)
      .filter(({ type }) => type === 'SET_SUBSCRIPTION')
      .map(({ payload }) => payload as Record<string, unknown>);
  const shows = (layer: string, changes = {}) =>
    platform.socket.say('SUBSCRIPTION_STATE', { participantId: 'a', layer, ...changes });
  return { platform, stage, heard, state, update, told, shows };
}

describe('the layers that are received', () => {
  it('are told once there is a stream, with the one that the server chose', async () => {
    const streams: RemoteStageStream[] = [];
    const set = await join({}, []);
    set.stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (_p, added) => {
      streams.push(...(added as RemoteStageStream[]));
    });
    set.platform.socket.say('STAGE_UPDATE', {
      version: 2,
      changes: [{ op: 'join', participant: publisher() }],
    });
    await vi.advanceTimersByTimeAsync(1);
    set.shows('low');
    set.shows('low');
    set.shows('high');
    expect(set.heard).toEqual([
      'a has low mid high',
      'a shows low selected',
      'a shows high selected',
    ]);
    const video = streams[1];
    expect(video?.getSelectedLayer()).toMatchObject({ label: 'high', width: 1280, height: 720 });
    expect(video?.getLowestQualityLayer()?.label).toBe('low');
    expect(video?.getHighestQualityLayer()).toMatchObject({ label: 'high', selected: true });
    expect(video?.isAdapting).toBe(true);
    expect(streams[0]?.getLayers()).toEqual([]);
    expect(set.told()).toEqual([]);
  });

  it('are one, and no news, when the publisher sends one', async () => {
    const set = await join({}, [publisher({ layers: undefined })]);
    set.shows('');
    expect(set.heard).toEqual([]);
    set.shows('', { paused: true });
    set.shows('');
    expect(set.heard).toEqual(['a shows none unavailable', 'a shows default selected']);
  });

  it('are as the application prefers, by label or by layer, until it leaves the choice again', async () => {
    let wish: StageStreamLayer | string | null | undefined;
    const set = await join({ preferredLayerForStream: () => wish }, [publisher()]);
    expect(set.told()).toEqual([]);
    wish = 'low';
    set.stage.refreshStrategy();
    set.stage.refreshStrategy();
    set.shows('low');
    wish = { label: 'high' } as StageStreamLayer;
    set.stage.refreshStrategy();
    set.shows('mid');
    wish = null;
    set.stage.refreshStrategy();
    expect(set.told().map(({ layer }) => layer)).toEqual(['low', 'high', 'auto']);
    expect(set.heard).toEqual([
      'a has low mid high',
      'a adapts false',
      'a shows low selected',
      'a shows mid unavailable',
      'a adapts true',
    ]);
  });

  it('are asked for again when new ones appear', async () => {
    const set = await join({ preferredLayerForStream: () => 'high' }, [
      publisher({ layers: three.slice(0, 2) }),
    ]);
    expect(set.told()).toEqual([]);
    set.update(publisher());
    expect(set.told()).toEqual([{ participantId: 'a', layer: 'high', audio: true, video: true }]);
  });

  it('begin with the highest if that is wanted, and adapt from there', async () => {
    const set = await join(
      {
        subscribeConfiguration: () => ({
          simulcast: { initialLayerPreference: InitialLayerPreference.HIGHEST_QUALITY },
        }),
      },
      [publisher()],
    );
    expect(set.told().at(-1)).toMatchObject({ layer: 'high' });
    set.shows('low');
    expect(set.told().at(-1)).toMatchObject({ layer: 'high' });
    set.shows('high');
    expect(set.told().at(-1)).toMatchObject({ layer: 'auto' });
    expect(set.heard.filter((news) => news.includes('adapts'))).toEqual([]);
  });

  it('tell the listeners of the stream, too', async () => {
    const heard: unknown[] = [];
    const set = await join();
    set.stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (_p, streams) => {
      const video = streams[1] as RemoteStageStream;
      video.on(RemoteStageStreamEvents.LAYER_SELECTED, (layer) => heard.push(layer?.label));
      video.on(RemoteStageStreamEvents.LAYERS_CHANGED, (layers) => heard.push(layers.length));
    });
    set.platform.socket.say('STAGE_UPDATE', {
      version: 2,
      changes: [{ op: 'join', participant: publisher() }],
    });
    await vi.advanceTimersByTimeAsync(1);
    set.shows('mid');
    expect(heard).toEqual([3, 'mid']);
  });
});

describe('what a viewer wants', () => {
  it('is narrowed to audio and widened again in the session that there is', async () => {
    let type = SubscribeType.AUDIO_VIDEO;
    const set = await join({ shouldSubscribeToParticipant: () => type }, [publisher()]);
    type = SubscribeType.AUDIO_ONLY;
    set.stage.refreshStrategy();
    type = SubscribeType.AUDIO_VIDEO;
    set.stage.refreshStrategy();
    expect(set.told()).toEqual([
      { participantId: 'a', layer: 'auto', audio: true, video: false },
      { participantId: 'a', layer: 'auto', audio: true, video: true },
    ]);
    expect(set.platform.peers).toHaveLength(1);
  });

  it('is said again to a server that may have forgotten it', async () => {
    const set = await join({ preferredLayerForStream: () => 'low' }, [publisher()]);
    const once = set.told().length;
    set.platform.socket.drop();
    await vi.advanceTimersByTimeAsync(600);
    set.state(true);
    expect(set.told()).toHaveLength(once + 1);
    set.platform.peers[0]?.become('down');
    await vi.advanceTimersByTimeAsync(1000);
    expect(set.told().at(-1)).toMatchObject({ layer: 'low' });
    expect(set.told().length).toBeGreaterThan(once + 1);
  });

  it('is played late only by those who do not talk', async () => {
    let talks = false;
    const streams = [new LocalStageStream(FakeTrack.make('audio'))];
    const set = await join(
      {
        shouldPublishParticipant: () => talks,
        stageStreamsToPublish: () => streams,
        subscribeConfiguration: () => ({ jitterBuffer: { minDelay: JitterBufferMinDelay.MEDIUM } }),
      },
      [publisher()],
    );
    expect(set.platform.peers[0]?.delayMs).toBe(250);
    talks = true;
    set.stage.refreshStrategy();
    expect(set.platform.peers[0]?.delayMs).toBe(0);
    talks = false;
    set.stage.refreshStrategy();
    expect(set.platform.peers[0]?.delayMs).toBe(250);
  });
});

describe('layers that nobody watches', () => {
  it('stop, start, and are all there again in a new session', async () => {
    const camera = new LocalStageStream(FakeTrack.make('video'), { simulcast: { enabled: true } });
    const set = await join({
      shouldPublishParticipant: () => true,
      stageStreamsToPublish: () => [camera],
    });
    const [first] = set.platform.peers;
    expect(rids(first?.options)).toEqual(['low', 'mid', 'high']);
    const want = (rid: string, wanted: boolean) =>
      set.platform.socket.say('LAYERS_WANTED', { layers: [{ rid, wanted }] });
    want('high', false);
    want('high', true);
    want('mid', false);
    expect(first?.activated).toEqual([{ high: false }, { high: true }, { high: true, mid: false }]);
    first?.become('down');
    await vi.advanceTimersByTimeAsync(1000);
    expect(set.platform.peers[1]?.activated).toEqual([]);
  });

  it('are obeyed when they were told before the session was up', async () => {
    const camera = new LocalStageStream(FakeTrack.make('video'), { simulcast: { enabled: true } });
    const platform = new FakePlatform();
    platform.prepare = (peer) => {
      peer.connects = false;
    };
    const stage = new Stage(
      makeToken(),
      {
        shouldPublishParticipant: () => true,
        stageStreamsToPublish: () => [camera],
        shouldSubscribeToParticipant: () => SubscribeType.NONE,
      },
      { platform },
    );
    const joined = stage.join();
    platform.socket.say('STAGE_STATE', { version: 1, pingIntervalSeconds: 600, participants: [] });
    await joined;
    await vi.advanceTimersByTimeAsync(1);
    platform.socket.say('LAYERS_WANTED', { layers: [{ rid: 'high', wanted: false }] });
    expect(platform.peers[0]?.activated).toEqual([]);
    platform.peers[0]?.become('connected');
    await vi.advanceTimersByTimeAsync(1);
    expect(platform.peers[0]?.activated).toEqual([{ high: false }]);
  });
});

function rids(options: PeerOptions | undefined): string[] | undefined {
  if (options?.direction !== 'send') return undefined;
  const video: LocalMedia | undefined = options.media.video;
  return video?.encodings.map(({ rid }) => rid);
}
