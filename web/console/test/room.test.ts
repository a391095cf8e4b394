import { StageConnectionState, StageLeftReason } from '@proscenium/web';
import { describe, expect, it } from 'vitest';
import { FakePlatform, FakeTrack } from '../../sdk/src/peer/fake.ts';
import { makeToken } from '../../sdk/test/token.ts';
import { loudness } from '../src/room/level.ts';
import { RoomModel, type Person } from '../src/room/model.ts';

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
