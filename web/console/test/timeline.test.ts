import { describe, expect, it } from 'vitest';
import type { ParticipantEvent } from '../src/aws/client.ts';
import { laneOf, ticks } from '../src/stage/timeline.ts';

const start = Date.parse('2026-01-02T03:00:00Z');
const event = (
  second: number,
  name: string,
  more: Partial<ParticipantEvent> = {},
): ParticipantEvent => ({
  name,
  participantId: 'p',
  eventTime: new Date(start + second * 1000).toISOString(),
  ...more,
});
const spans = (list: { from: number; to: number; isOpen: boolean }[]) =>
  list.map(({ from, to, isOpen }) => [
    (from - start) / 1000,
    (to - start) / 1000,
    ...(isOpen ? ['open'] : []),
  ]);

describe('a lane', () => {
  it('has a bar for each stay and each time of publishing', () => {
    const lane = laneOf(
      [
        event(0, 'JOINED'),
        event(1, 'PUBLISH_STARTED'),
        event(4, 'PUBLISH_STOPPED'),
        event(5, 'LEFT'),
        event(8, 'JOINED'),
        event(9, 'PUBLISH_STARTED'),
      ],
      start + 20_000,
    );
    expect(spans(lane.stays)).toEqual([
      [0, 5],
      [8, 20, 'open'],
    ]);
    expect(spans(lane.publishes)).toEqual([
      [1, 4],
      [9, 20, 'open'],
    ]);
  });

  it('receives from the first subscription to the end of the last', () => {
    const lane = laneOf(
      [
        event(0, 'JOINED'),
        event(1, 'SUBSCRIBE_STARTED', { remoteParticipantId: 'a' }),
        event(2, 'SUBSCRIBE_STARTED', { remoteParticipantId: 'b' }),
        event(3, 'SUBSCRIBE_STOPPED', { remoteParticipantId: 'a' }),
        event(6, 'SUBSCRIBE_STOPPED', { remoteParticipantId: 'b' }),
      ],
      start + 10_000,
    );
    expect(spans(lane.receives)).toEqual([[1, 6]]);
    expect(lane.subscribes.map(({ at }) => (at - start) / 1000)).toEqual([1, 2]);
  });

  it('ends everything with the stay, even what was not told to have stopped', () => {
    const lane = laneOf(
      [
        event(0, 'JOINED'),
        event(1, 'PUBLISH_STARTED'),
        event(1, 'SUBSCRIBE_STARTED', { remoteParticipantId: 'a' }),
        event(3, 'LEFT'),
      ],
      start + 10_000,
    );
    expect([lane.stays, lane.publishes, lane.receives].map(spans)).toEqual([
      [[0, 3]],
      [[1, 3]],
      [[1, 3]],
    ]);
  });

  it('keeps errors and whatever it does not know apart from bars', () => {
    const lane = laneOf(
      [event(0, 'JOIN_ERROR', { errorCode: 'QUOTA_EXCEEDED' }), event(1, 'SOMETHING_NEW')],
      start,
    );
    expect(lane.stays).toEqual([]);
    expect(lane.errors.map((mark) => mark.event.errorCode)).toEqual(['QUOTA_EXCEEDED']);
    expect(lane.others.map((mark) => mark.event.name)).toEqual(['SOMETHING_NEW']);
  });
});

describe('ticks', () => {
  it.each([
    [10, 5, 2],
    [3600, 6, 600],
    [24 * 3600, 8, 3 * 3600],
    [400 * 24 * 3600, 8, 56 * 24 * 3600],
  ])('of %d s in at most %d are %d s apart', (length, most, step) => {
    const found = ticks(start, start + length * 1000, most);
    expect(found.step / 1000).toBe(step);
    expect(found.at.length).toBeGreaterThan(0);
    expect(found.at.length).toBeLessThanOrEqual(most + 1);
    for (const at of found.at) expect(at).toBeGreaterThanOrEqual(start);
  });

  it('are finite for a session of no length', () => {
    expect(ticks(start, start, 0).at.length).toBeLessThanOrEqual(1);
  });
});
