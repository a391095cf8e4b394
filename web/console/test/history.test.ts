import { afterEach, describe, expect, it, vi } from 'vitest';
import { Client, type ParticipantSummary } from '../src/aws/client.ts';
import { signingKeys } from '../src/aws/session.ts';
import { SessionHistory } from '../src/stage/history.ts';

const keys = signingKeys({ accessKeyId: 'A', secretAccessKey: 's', region: 'us-east-1' });
const key = { stageArn: 'arn:aws:ivs:us-east-1:0:stage/a', sessionId: 'st-1' };
const who = (participantId: string, more: Partial<ParticipantSummary> = {}) => ({
  participantId,
  state: 'CONNECTED' as const,
  published: false,
  ...more,
});

/** A client of a server that knows these people, and is asked in that order. */
function clientOf(people: ParticipantSummary[], asked: string[], answer?: () => Response | void) {
  return new Client(keys, 'http://h', (url, init) => {
    const operation = new URL(url).pathname.slice(1);
    const input = JSON.parse(init.body as string) as Record<string, unknown>;
    asked.push(operation);
    if (operation === 'GetStageSession') {
      const session = {
        sessionId: 'st-1',
        startTime: '2026-01-02T03:04:05Z',
        endTime: '2026-01-02T04:00:00Z',
      };
      return Promise.resolve(Response.json({ stageSession: session }));
    }
    if (operation === 'ListParticipants') {
      const { filterByPublished, filterByState, nextToken } = input;
      const all = people.filter(
        (p) =>
          (filterByPublished === undefined || p.published === filterByPublished) &&
          (filterByState === undefined || p.state === filterByState),
      );
      const from = Number(nextToken ?? 0);
      const more = from + 100 < all.length ? { nextToken: String(from + 100) } : {};
      return Promise.resolve(Response.json({ participants: all.slice(from, from + 100), ...more }));
    }
    const { participantId } = input;
    return Promise.resolve(
      answer?.() ??
        Response.json({
          events: [
            { name: 'LEFT', participantId, eventTime: '2026-01-02T03:05:00Z' },
            { name: 'JOINED', participantId, eventTime: '2026-01-02T03:04:05Z' },
          ],
        }),
    );
  });
}

// The page is always looked at.
vi.stubGlobal('document', {
  hidden: false,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
});
let end: () => void = () => undefined;
afterEach(() => end());

describe('SessionHistory', () => {
  const isKnown = (history: SessionHistory) => {
    const { people } = history.snapshot();
    return people.length > 0 && people.every(({ events }) => events !== undefined);
  };

  it('tells what happened in order, and reads a session that is over once', async () => {
    const asked: string[] = [];
    const history = new SessionHistory(clientOf([who('b'), who('a')], asked), key);
    end = history.start();
    await vi.waitUntil(() => isKnown(history));
    const { people, hasMore } = history.snapshot();
    expect(people.map((p) => p.who.participantId)).toEqual(['a', 'b']);
    expect(people[0]?.events?.map(({ name }) => name)).toEqual(['JOINED', 'LEFT']);
    expect(hasMore).toBe(false);
    expect(asked.filter((operation) => operation === 'GetStageSession')).toHaveLength(1);
  });

  it('puts who has published before all the others', async () => {
    const viewers = Array.from({ length: 250 }, (_, n) => who(`v${n}`));
    const people = [...viewers, who('host', { published: true })];
    const history = new SessionHistory(clientOf(people, []), key);
    end = history.start();
    await vi.waitUntil(() => isKnown(history));
    expect(history.snapshot().people[0]?.who.participantId).toBe('host');
    expect(history.snapshot().people).toHaveLength(101);
    expect(history.snapshot().hasMore).toBe(true);
    history.more();
    await vi.waitUntil(() => history.snapshot().people.length === 201);
  });

  it('tells of those only who are there, once each, when asked so', async () => {
    const people = [
      who('gone', { published: true, state: 'DISCONNECTED' }),
      who('host', { published: true }),
      who('viewer'),
    ];
    const asked: string[] = [];
    const history = new SessionHistory(clientOf(people, asked), key, {
      connectedOnly: true,
      wants: ({ published }) => published,
    });
    end = history.start();
    await vi.waitUntil(() => history.snapshot().people[0]?.events !== undefined);
    expect(history.snapshot().people.map((p) => p.who.participantId)).toEqual(['host', 'viewer']);
    expect(asked.filter((operation) => operation === 'ListParticipantEvents')).toHaveLength(1);
  });

  it('asks again later when it has asked too often', async () => {
    let refusals = 2;
    const answer = () => {
      refusals -= 1;
      if (refusals >= 0) return Response.json({ message: 'slow down' }, { status: 429 });
      return undefined;
    };
    const history = new SessionHistory(clientOf([who('a')], [], answer), key);
    end = history.start();
    await vi.waitUntil(() => isKnown(history), { timeout: 5000 });
    expect(history.snapshot().problem).toBeUndefined();
  });
});
