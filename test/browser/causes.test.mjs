import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { startBrowser } from './lib/browser.mjs';
import { openParticipant } from './lib/participant.mjs';
import { startServer } from './lib/server.mjs';

const { Webhook } = createRequire(new URL('../events/js/', import.meta.url))('standardwebhooks');

let server;
let browser;
let hook;

before(async () => {
  [server, browser, hook] = await Promise.all([
    startServer('--events-allow-private', '127.0.0.0/8'),
    startBrowser(),
    startHook(),
  ]);
  const settings = { name: 'hook', kind: 'webhook', url: hook.url };
  ({ secret: hook.secret } = await server.api('admin/v1/targets', settings));
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await hook?.stop();
});

test('what browsers do is in the API, and comes to a webhook', { timeout: 180_000 }, async (t) => {
  const { stage } = await server.api('CreateStage', { name: 'causes' });
  const open = async (userId, ...capabilities) => {
    const { participantToken } = await server.api('CreateParticipantToken', {
      stageArn: stage.arn,
      userId,
      capabilities,
    });
    const tab = await openParticipant(browser, server.origin, participantToken.token);
    return Object.assign(tab, { id: participantToken.participantId });
  };
  const ada = await open('ada', 'PUBLISH', 'SUBSCRIBE');
  const bob = await open('bob', 'SUBSCRIBE');
  const dan = await open('dan', 'PUBLISH');
  let sessionId;

  await t.test('they join, publish and watch', async () => {
    const { type, payload } = await ada.join();
    assert.equal(type, 'STAGE_STATE');
    ({ sessionId } = payload);
    assert.equal((await bob.join()).type, 'STAGE_STATE');
    assert.equal((await dan.join()).type, 'STAGE_STATE');
    assert.equal(await ada.publish(), 201);
    assert.equal(await bob.watch(ada.id), 201);
    assert.equal(await bob.unwatch(), 200);
  });

  await t.test('they try what they may not, and what there is not', async () => {
    assert.equal(await bob.publish(), 403);
    assert.equal(await dan.watch(ada.id), 403);
    assert.equal(await bob.watch('nobody000000'), 404);
  });

  await t.test('one stops and begins again, and is disconnected', async () => {
    assert.equal(await ada.unpublish(), 200);
    assert.equal(await ada.publish(), 201);
    await server.api('DisconnectParticipant', { stageArn: stage.arn, participantId: ada.id });
    const { payload } = await ada.hears('FORCED_LEAVE');
    assert.equal(payload.reason, 'participant-disconnected');
    assert.equal((await ada.join()).payload.code, 'PARTICIPANT_DISCONNECTED');
  });

  await t.test('their tabs are closed', () => Promise.all([ada, bob, dan].map((p) => p.close())));

  const history = async ({ id }) => {
    const { events } = await server.api('ListParticipantEvents', {
      stageArn: stage.arn,
      sessionId,
      participantId: id,
    });
    return events
      .reverse()
      .map(({ name, errorCode }) => (errorCode ? `${name} ${errorCode}` : name));
  };
  for (const [who, expected] of [
    [
      ada,
      [
        'JOINED',
        'PUBLISH_STARTED',
        'PUBLISH_STOPPED',
        'PUBLISH_STARTED',
        'PUBLISH_STOPPED',
        'LEFT',
      ],
    ],
    [
      bob,
      [
        'JOINED',
        'SUBSCRIBE_STARTED',
        'SUBSCRIBE_STOPPED',
        'PUBLISH_ERROR INSUFFICIENT_CAPABILITIES',
        'SUBSCRIBE_ERROR PUBLISHER_NOT_FOUND',
        'LEFT',
      ],
    ],
    [dan, ['JOINED', 'SUBSCRIBE_ERROR INSUFFICIENT_CAPABILITIES', 'LEFT']],
  ]) {
    // The last is told once the closed tab is missed.
    for (let left = 300; left > 0 && (await history(who)).length < expected.length; left -= 1) {
      await pause(100);
    }
    assert.deepEqual(await history(who), expected);
  }

  const { participant } = await server.api('GetParticipant', {
    stageArn: stage.arn,
    sessionId,
    participantId: ada.id,
  });
  assert.equal(participant.browserName, 'Chrome');
  assert.equal(participant.state, 'DISCONNECTED');

  const told = await hook.take(5);
  for (const { text, headers } of told) {
    const event = new Webhook(hook.secret).verify(text, headers);
    assert.equal(event.id, headers['webhook-id']);
    assert.deepEqual(event.resources, [stage.arn]);
    assert.equal(event.detail.session_id, sessionId);
  }
  assert.deepEqual(
    told.map(({ text }) => {
      const { detail } = JSON.parse(text);
      return [detail.event_name, detail.user_id, detail.error_code ?? ''].join(' ').trim();
    }),
    [
      'Participant Published ada',
      'Participant Publish Error bob INSUFFICIENT_CAPABILITIES',
      'Participant Unpublished ada',
      'Participant Published ada',
      'Participant Unpublished ada',
    ],
  );
  for (const { page } of [ada, bob, dan]) assert.deepEqual(page.complaints, []);
});

/** A receiver of webhooks. What comes twice counts once, as the header says it may. */
async function startHook() {
  const came = new Map();
  const waiting = [];
  const http = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      response.writeHead(204).end();
      came.set(request.headers['webhook-id'], { text, headers: request.headers });
      for (const check of waiting) check();
    });
  }).listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${http.address().port}/hook`,
    /** Resolves with what came, in order, once that is so many. */
    take: (count) =>
      new Promise((done) => {
        const check = () => {
          if (came.size >= count) done([...came.values()]);
        };
        waiting.push(check);
        check();
      }),
    async stop() {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
}
