import { StageConnectionState, StageLeftReason } from '@proscenium/web';
import { describe, expect, it } from 'vitest';
import { FakePlatform, FakeTrack } from '../../sdk/src/peer/fake.ts';
import { makeToken } from '../../sdk/test/token.ts';
import { loudness } from '../src/room/level.ts';
import { RoomModel, type Person } from '../src/room/model.ts';
import { linesWords, readQuality } from '../src/room/quality.ts';

const someone = (id: string, changes: Record<string, unknown> = {}) => ({
  id,
  userId: '',
  attributes: {},
  isPublishing: true,
  tracks: ['audio', 'video'],
  ...changes,
});

async function joined(...participants: unknown[]) {
  const platform = new FakePlatform();
  const tracks = { audio: FakeTrack.make('audio'), video: FakeTrack.make('video') };
  const model = new RoomModel(makeToken(), tracks, { platform });
  const done = model.join();
  platform.socket.say('STAGE_STATE', { version: 1, resume: 'key', participants });
  await done;
  await until(model, (people) => people.length > participants.length);
  return { platform, model };
}

/** Resolves when the picture of the room is one that is waited for. */
function until(model: RoomModel, wanted: (people: Person[]) => boolean): Promise<Person[]> {
  return new Promise((resolve) => {
    const look = () => {
      const { people } = model.snapshot();
      if (!wanted(people)) return;
      stop();
      resolve(people);
    };
    const stop = model.subscribe(look);
    look();
  });
}

describe('RoomModel', () => {
  it('draws everybody with what there is of them', async () => {
    const { model } = await joined(someone('a', { audioMuted: true }));
    const people = await until(model, (all) => all.every((p) => p.video !== undefined));
    expect(people.map((p) => [p.id, p.isLocal, p.audioMuted, p.isPending])).toEqual([
      ['local-1', true, false, false],
      ['a', false, true, false],
    ]);
    expect(model.snapshot().connection).toBe(StageConnectionState.CONNECTED);
  });

  it('gives a new picture for each change, and the same one otherwise', async () => {
    const { model, platform } = await joined(someone('a'));
    await until(model, (all) => all.every((p) => p.video !== undefined));
    const before = model.snapshot();
    expect(model.snapshot()).toBe(before);
    const participant = someone('a', { videoStopped: true });
    platform.socket.say('STAGE_UPDATE', { version: 2, changes: [{ op: 'update', participant }] });
    expect(model.snapshot()).not.toBe(before);
    expect(model.snapshot().people[1]?.videoStopped).toBe(true);
    expect(before.people[1]?.videoStopped).toBe(false);
  });

  it.each([
    [{ displayName: 'Ada', name: 'x' }, 'user', 'Ada'],
    [{ name: 'Ada' }, 'user', 'Ada'],
    [{ displayName: '  ' }, 'user', 'user'],
    [{}, '', 'a'],
    [{ name: 'A'.repeat(500) }, '', 'A'.repeat(80)],
  ])('calls somebody with %j and user id %j by name', async (attributes, userId, name) => {
    const { model } = await joined(someone('a', { attributes, userId }));
    expect(model.snapshot().people[1]?.name).toBe(name);
  });

  it('keeps why the stay ended, and nobody in the room', async () => {
    const { model, platform } = await joined(someone('a'));
    platform.socket.say('FORCED_LEAVE', { reason: 'stage-deleted' });
    expect(model.snapshot()).toMatchObject({
      left: StageLeftReason.STAGE_DELETED,
      hasJoined: false,
      people: [],
    });
  });

  it('mutes, and puts another track in place without a new session', async () => {
    const { model, platform } = await joined();
    await until(model, (all) => all[0]?.isPublishing === true);
    model.setMuted('audio', true);
    expect(model.snapshot().people[0]?.audioMuted).toBe(true);
    const video = FakeTrack.make('video');
    model.setTracks({ video });
    expect(model.snapshot().people[0]).toMatchObject({ video, audio: undefined });
    expect(platform.peers).toHaveLength(1);
  });
});

describe('loudness', () => {
  it('is 0 for silence, 1 for a full tone and between for a quiet one', () => {
    const tone = (peak: number) => Float32Array.from({ length: 480 }, (_, i) => peak * Math.sin(i));
    expect(loudness(tone(0))).toBe(0);
    expect(loudness(tone(1))).toBe(1);
    expect(loudness(tone(0.03))).toBeGreaterThan(0.3);
    expect(loudness(tone(0.03))).toBeLessThan(0.7);
  });
});

describe('layers in the room', () => {
  const layers = [
    { rid: 'low', width: 320, height: 180 },
    { rid: 'high', width: 1280, height: 720 },
  ];
  const wishes = (platform: FakePlatform) =>
    platform.socket.sent
      .filter(({ type }) => type === 'SET_SUBSCRIPTION')
      .map(({ payload }) => payload as { layer: string; video: boolean });

  it('are sent by oneself, and chosen of the others', async () => {
    const { platform, model } = await joined(someone('a', { layers }));
    const published = platform.peers.map(({ options }) => options).find((o) => 'media' in o);
    expect(published?.media.video?.encodings.map(({ rid }) => rid)).toEqual(['low', 'mid', 'high']);
    await until(model, (all) => all.some(({ layers: l }) => l.length === 2));
    model.prefer('a', 'low');
    platform.socket.say('SUBSCRIPTION_STATE', { participantId: 'a', layer: 'low' });
    const [, a] = await until(model, (all) => all.some((p) => p.layers[0]?.selected === true));
    expect(a?.preferred).toBe('low');
    model.prefer('a', undefined);
    expect(wishes(platform).map(({ layer }) => layer)).toEqual(['low', 'auto']);
  });

  it('are not taken while the page is hidden, but the sound is', async () => {
    const { platform, model } = await joined(someone('a', { layers }));
    await until(model, (all) => all.some((p) => !p.isLocal && p.video !== undefined));
    model.setHidden(true);
    const [, a] = await until(model, (all) => all.every((p) => p.isLocal || !p.video));
    expect(a?.audio).toBeDefined();
    model.setHidden(false);
    await until(model, (all) => all.some((p) => !p.isLocal && p.video !== undefined));
    expect(wishes(platform).map(({ video }) => video)).toEqual([false, true]);
  });
});

describe('readQuality', () => {
  const report = (...entries: Record<string, unknown>[]) =>
    new Map(entries.map((entry) => [entry['id'], entry])) as unknown as RTCStatsReport;

  it('reads what is received, since the figures before', () => {
    const video = { id: 'v', type: 'inbound-rtp', kind: 'video', timestamp: 1000 };
    const path = { id: 'p', type: 'candidate-pair', state: 'succeeded' };
    const first = readQuality(
      [report({ ...video, bytesReceived: 1000, packetsReceived: 10, packetsLost: 0 })],
      undefined,
    );
    expect(first.quality).toMatchObject({ bitrate: undefined, loss: undefined });
    const { quality } = readQuality(
      [
        report(
          {
            ...video,
            timestamp: 3000,
            bytesReceived: 251_000,
            packetsReceived: 100,
            packetsLost: 10,
          },
          { ...path, currentRoundTripTime: 0.02 },
        ),
        undefined,
      ],
      first,
    );
    expect(quality).toMatchObject({ bitrate: 1_000_000, loss: 0.1, roundTripMs: 20 });
  });

  it('reads each layer that is sent, the largest first, and which of them is not', () => {
    const { quality } = readQuality(
      [
        report(
          { id: '1', type: 'outbound-rtp', kind: 'video', rid: 'low', active: false },
          {
            id: '2',
            type: 'outbound-rtp',
            kind: 'video',
            rid: 'high',
            frameHeight: 720,
            active: true,
          },
          { id: '3', type: 'remote-inbound-rtp', fractionLost: 0.05, roundTripTime: 0.1 },
        ),
      ],
      undefined,
    );
    expect(quality.pictures.map(({ rid, isActive }) => [rid, isActive])).toEqual([
      ['high', true],
      ['low', false],
    ]);
    expect(quality).toMatchObject({ loss: 0.05, roundTripMs: 100 });
  });

  it('calls an upright picture by its short side', () => {
    expect(linesWords({ width: 720, height: 1280 })).toBe('720p');
  });
});
