import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakePlatform } from '../src/peer/fake.js';
import { Link } from '../src/signal/link.js';
import { version } from '../src/version.js';

function setUp() {
  const platform = new FakePlatform();
  const heard: string[] = [];
  const link = new Link({
    platform,
    url: 'ws://h/events/topic',
    token: () => 'token',
    observer: {
      onState: (state) => heard.push(`state ${state.version} ${state.resumed}`),
      onChanges: (changes) => heard.push(`changes ${changes.map((c) => c.participant.id)}`),
      onPersonal: (frame) => heard.push(`personal ${frame.type}`),
      onLost: () => heard.push('lost'),
      onEnded: (end) => heard.push(`ended ${end.kind === 'forced' ? end.reason : end.code}`),
    },
  });
  link.open();
  return { platform, heard, link };
}

const state = (version: number, resumed = false) => ({
  version,
  resumed,
  resume: 'key+1',
  pingIntervalSeconds: 15,
  participants: [],
});
const update = (version: number, id: string) => ({
  version,
  changes: [{ op: 'join', participant: { id, isPublishing: true } }],
});

describe('Link', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('offers the token as subprotocol and never in the URL (security row 13)', () => {
    const { platform } = setUp();
    expect(platform.socket.protocol).toBe('token');
    expect(platform.socket.url).toBe(`ws://h/events/topic?sdk=web%20${version}`);
  });

  it('passes on updates in order, ignores old ones and asks for the state after a gap', () => {
    const { platform, heard } = setUp();
    platform.socket.say('STAGE_STATE', state(5));
    platform.socket.say('STAGE_UPDATE', update(5, 'old'));
    platform.socket.say('STAGE_UPDATE', update(6, 'a'));
    platform.socket.say('STAGE_UPDATE', update(8, 'gap'));
    platform.socket.say('STAGE_UPDATE', update(9, 'waits'));
    expect(platform.socket.sent).toEqual([{ type: 'GET_STATE' }]);
    platform.socket.say('STAGE_STATE', state(9));
    platform.socket.say('STAGE_UPDATE', update(10, 'b'));
    expect(heard).toEqual(['state 5 false', 'changes a', 'state 9 false', 'changes b']);
  });

  it('comes back with the resume key, pausing longer each time', () => {
    const { platform, heard } = setUp();
    platform.socket.say('STAGE_STATE', state(1));
    platform.socket.drop();
    expect(heard).toEqual(['state 1 false', 'lost']);
    vi.advanceTimersByTime(500);
    expect(platform.sockets).toHaveLength(2);
    expect(platform.socket.url).toBe(`ws://h/events/topic?sdk=web%20${version}&resume=key%2B1`);
    for (let n = 0; n < 6; n += 1) {
      platform.socket.drop();
      vi.advanceTimersByTime(8000);
    }
    expect(platform.sockets).toHaveLength(8);
    platform.socket.say('STAGE_STATE', state(4, true));
    expect(heard).toEqual(['state 1 false', 'lost', 'state 4 true']);
  });

  it('does not sit out the pause when the device comes online', () => {
    const { platform } = setUp();
    platform.socket.drop();
    platform.online();
    expect(platform.sockets).toHaveLength(2);
  });

  it('takes a line for dead that answers no PING', () => {
    const { platform, heard } = setUp();
    platform.socket.say('STAGE_STATE', state(1));
    vi.advanceTimersByTime(15_000);
    expect(platform.socket.sent).toEqual([{ type: 'PING' }]);
    platform.socket.say('PONG');
    vi.advanceTimersByTime(15_000);
    expect(heard).toEqual(['state 1 false']);
    vi.advanceTimersByTime(15_000);
    expect(heard).toEqual(['state 1 false', 'lost']);
    expect(platform.sockets[0]?.closedWith).toBe(4000);
  });

  it('gives up a socket that says nothing at all', () => {
    const { platform } = setUp();
    vi.advanceTimersByTime(10_500);
    expect(platform.sockets[0]?.closedWith).toBe(4000);
    expect(platform.sockets).toHaveLength(2);
  });

  it('answers PING', () => {
    const { platform } = setUp();
    platform.socket.say('STAGE_STATE', state(1));
    platform.socket.say('PING');
    expect(platform.socket.sent).toEqual([{ type: 'PONG' }]);
  });

  it.each(['token-reused', 'participant-disconnected', 'stage-deleted', 'duration-over'])(
    'ends on a forced leave with %s, without coming back',
    (reason) => {
      const { platform, heard } = setUp();
      platform.socket.say('STAGE_STATE', state(1));
      platform.socket.say('FORCED_LEAVE', { reason });
      vi.advanceTimersByTime(60_000);
      expect(heard).toEqual(['state 1 false', `ended ${reason}`]);
      expect(platform.sockets).toHaveLength(1);
    },
  );

  it('joins afresh when the server drains', () => {
    const { platform, heard } = setUp();
    platform.socket.say('STAGE_STATE', state(1));
    platform.socket.say('FORCED_LEAVE', { reason: 'server-draining' });
    vi.advanceTimersByTime(500);
    expect(heard).toEqual(['state 1 false', 'lost']);
    expect(platform.socket.url).toBe(`ws://h/events/topic?sdk=web%20${version}`);
  });

  it('waits as long as a busy server asks before it tries again', () => {
    const { platform, heard } = setUp();
    platform.socket.say('JOIN_ERROR', { code: 'SERVER_DRAINING', retryAfterSeconds: 3 });
    platform.socket.drop(4503);
    vi.advanceTimersByTime(2900);
    expect(platform.sockets).toHaveLength(1);
    vi.advanceTimersByTime(100);
    expect(platform.sockets).toHaveLength(2);
    expect(heard).toEqual([]);
  });

  it('says LEAVE, closes with 1000 and is quiet afterwards', () => {
    const { platform, heard, link } = setUp();
    platform.socket.say('STAGE_STATE', state(1));
    link.leave();
    expect(platform.socket.sent).toEqual([{ type: 'LEAVE' }]);
    expect(platform.socket.closedWith).toBe(1000);
    expect(vi.getTimerCount()).toBe(0);
    platform.online();
    expect(platform.sockets).toHaveLength(1);
    expect(heard).toEqual(['state 1 false']);
  });
});
