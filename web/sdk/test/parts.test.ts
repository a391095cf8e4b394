import { describe, expect, it, vi } from 'vitest';
import { Emitter } from '../src/emitter.js';
import { StageErrorCode } from '../src/enums.js';
import { StageError } from '../src/errors.js';
import { withWishes } from '../src/peer/answer.js';
import { readFrame } from '../src/signal/frames.js';
import { Roster } from '../src/signal/roster.js';
import { parseToken } from '../src/token.js';
import { base64url, makeToken } from './token.js';

describe('Emitter', () => {
  it('calls listeners in order, with their context, until they are taken off', () => {
    const emitter = new Emitter<{ said: (word: string) => void }>();
    const heard: string[] = [];
    const context = { name: 'context' };
    function listener(this: typeof context, word: string) {
      heard.push(`${this.name} ${word}`);
    }
    emitter.on('said', listener as (word: string) => void, context);
    emitter.once('said', (word) => heard.push(`once ${word}`));
    emitter.emit('said', 'a');
    emitter.emit('said', 'b');
    emitter.off('said', listener as (word: string) => void);
    emitter.emit('said', 'c');
    expect(heard).toEqual(['context a', 'once a', 'context b']);
    expect(emitter.hasListenersFor('said')).toBe(false);
  });

  it('takes event names of its own making, and an error event that nobody hears', () => {
    const emitter = new Emitter();
    const custom = vi.fn();
    emitter.on('my-own-event', custom);
    emitter.emit('my-own-event', 1, 2);
    emitter.emit('error', new Error('unheard'));
    expect(custom).toHaveBeenCalledWith(1, 2);
    emitter.removeAllListeners();
    expect(emitter.hasListenersFor('my-own-event')).toBe(false);
  });
});

describe('parseToken', () => {
  it('reads the claims, non-ASCII ones too', () => {
    const claims = parseToken(makeToken({ user_id: 'Zoë 🎥', whip_url: 'http://h:1/whip/' }));
    expect(claims).toMatchObject({
      participantId: 'local-1',
      userId: 'Zoë 🎥',
      topic: 'Abc123',
      whipUrl: 'http://h:1/whip',
      allowPublish: true,
      attributes: { role: 'host' },
    });
  });

  it('finds the topic in the stage ARN when an old token has none', () => {
    expect(parseToken(makeToken({ topic: undefined })).topic).toBe('Abc123');
  });

  it.each([
    ['no token at all', 'hello'],
    ['two parts', 'a.b'],
    ['an empty part', 'a..c'],
    ['no JSON', `a.${base64url('{')}.c`],
    ['no object', `a.${base64url('[1]')}.c`],
    ['no participant', makeToken({ jti: undefined })],
    ['a script for an events URL', makeToken({ events_url: 'javascript:alert(1)' })],
    ['a relative WHIP URL', makeToken({ whip_url: '/whip' })],
    ['an expiry in words', makeToken({ exp: 'tomorrow' })],
    ['9 kB', `a.${'A'.repeat(9000)}.c`],
  ])('refuses %s as malformed (security row 10)', (_what, token) => {
    expect(() => parseToken(token)).toThrow(StageError);
    try {
      parseToken(token);
    } catch (error) {
      expect((error as StageError).code).toBe(StageErrorCode.TOKEN_MALFORMED);
    }
  });
});

describe('withWishes', () => {
  const answer = [
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=rtpmap:111 opus/48000/2',
    'a=fmtp:111 minptime=10;useinbandfec=1',
    'm=video 9 UDP/TLS/RTP/SAVPF 102 103',
    'a=rtpmap:102 H264/90000',
    'a=fmtp:102 packetization-mode=1;profile-level-id=42e01f',
    'a=rtpmap:103 rtx/90000',
    'a=fmtp:103 apt=102',
    '',
  ].join('\r\n');

  it('adds what the sender wants to the formats it concerns, and keeps line ends', () => {
    const wished = withWishes(answer, {
      videoStartKbps: 1000,
      stereo: true,
      audioBitrate: 64000,
    });
    expect(wished).toContain(
      'a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;maxaveragebitrate=64000\r\n',
    );
    expect(wished).toContain(
      'a=fmtp:102 packetization-mode=1;profile-level-id=42e01f;x-google-start-bitrate=1000\r\n',
    );
    expect(wished).toContain('a=fmtp:103 apt=102\r\n');
  });

  it('leaves a parameter that the server has set', () => {
    const set = answer.replace('useinbandfec=1', 'useinbandfec=1;stereo=0');
    expect(withWishes(set, { stereo: true })).toBe(set);
  });
});

describe('readFrame', () => {
  it.each(['', 'null', '[]', '7', '{"type":7}', '{"type":"NEWS","payload":{}}', '{"type":'])(
    'ignores %j',
    (text) => {
      expect(readFrame(text)).toBeUndefined();
    },
  );

  it('believes no type it has not seen: broken members get their defaults', () => {
    const frame = readFrame(
      JSON.stringify({
        type: 'STAGE_STATE',
        payload: {
          version: 'many',
          pingIntervalSeconds: -1,
          participants: [
            null,
            { id: 7 },
            { id: 'p', userId: {}, attributes: { a: 1 }, isPublishing: 'yes', tracks: 'audio' },
          ],
        },
      }),
    );
    expect(frame).toEqual({
      type: 'STAGE_STATE',
      version: 0,
      resume: '',
      resumed: false,
      pingIntervalMs: 15000,
      iceServers: [],
      participants: [
        {
          id: 'p',
          userId: '',
          attributes: { a: '' },
          isPublishing: false,
          audioMuted: false,
          videoStopped: false,
          tracks: [],
          layers: [],
        },
      ],
    });
  });
});

describe('Roster', () => {
  const someone = (id: string, isPublishing = true) => ({
    id,
    userId: '',
    attributes: {},
    isPublishing,
    audioMuted: false,
    videoStopped: false,
    tracks: ['audio', 'video'],
    layers: [],
  });
  const words = (events: ReturnType<Roster['replace']>) =>
    events.map((e) => `${e.kind} ${e.kind === 'left' ? e.id : e.info.id}`);

  it('knows nobody but publishers, and not oneself', () => {
    const roster = new Roster('me');
    expect(words(roster.replace([someone('me'), someone('a'), someone('b', false)]))).toEqual([
      'joined a',
    ]);
  });

  it('tells the difference between two whole states', () => {
    const roster = new Roster('me');
    roster.replace([someone('a'), someone('b')]);
    expect(words(roster.replace([someone('b'), someone('c')]))).toEqual([
      'left a',
      'updated b',
      'joined c',
    ]);
  });

  it('takes changes one by one, and a leave only once', () => {
    const roster = new Roster('me');
    const change = (op: 'join' | 'update' | 'leave', id: string) => ({
      op,
      participant: someone(id),
    });
    expect(
      words(
        roster.apply([
          change('join', 'a'),
          change('update', 'a'),
          change('leave', 'a'),
          change('leave', 'a'),
        ]),
      ),
    ).toEqual(['joined a', 'updated a', 'left a']);
  });
});
