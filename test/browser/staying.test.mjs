import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startBrowser } from './lib/browser.mjs';
import { openLine } from './lib/line.mjs';
import { openApp, openApplication, ownKey, participantToken, startApp } from './lib/sdk.mjs';
import { freePort, startServer } from './lib/server.mjs';

const timeout = 240_000;
let server;
let browser;
let app;

before(async () => {
  [server, browser, app] = await Promise.all([startServer(), startBrowser(), startApp()]);
});
after(async () => {
  await browser?.close();
  app?.stop();
  await server?.stop();
});

async function createStage(name) {
  const { stage } = await server.api('CreateStage', { name });
  return stage;
}

async function join(token, { publish = false, ...options } = {}) {
  const page = await openApp(browser, app, options);
  await page.evaluate((args) => window.app.join(...args), [token, { publish }]);
  return page;
}

const sees = (page, id) => page.evaluate((who) => window.app.sees(who, 1280), id);
const hears = (page, what) => page.evaluate((event) => window.app.hears(event), what);
const person = (page, id) =>
  page.evaluate((who) => {
    const { userId, attributes } = window.app.people.get(who);
    return { userId, attributes };
  }, id);

const asked = (page, method) =>
  page.waitForRequest((request) => request.method() === method, { timeout: 90_000 });

async function close(...pages) {
  for (const page of pages) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
}

test('a token is exchanged for another', { timeout }, async (t) => {
  const key = await ownKey(server);
  const stage = await createStage('exchange');
  const claims = { jti: 'ada-1', user_id: 'ada', attributes: { role: 'guest' } };
  const a = await join(key.token(stage, claims), { publish: true });
  const { token } = await participantToken(server, stage, ['SUBSCRIBE']);
  const b = await join(token);
  await sees(b, 'ada-1');
  assert.deepEqual(await person(b, 'ada-1'), { userId: 'ada', attributes: { role: 'guest' } });
  const exchange = (changes) =>
    a.evaluate(
      (other) => window.app.stage.exchangeToken(other),
      key.token(stage, { ...claims, ...changes }),
    );

  await t.test('and others see what changed, while the picture goes on', async () => {
    await exchange({ user_id: 'grace', attributes: { role: 'host' } });
    await hears(b, 'stageParticipantMetadataChanged ada-1');
    assert.deepEqual(await person(b, 'ada-1'), { userId: 'grace', attributes: { role: 'host' } });
    await sees(b, 'ada-1');
    await hears(a, 'stageParticipantMetadataChanged ada-1');
  });

  await t.test('and whoever loses the right to publish stops, and stays', async () => {
    await exchange({ capabilities: { allow_subscribe: true } });
    await hears(b, 'stageParticipantLeft ada-1');
    await hears(a, 'stageParticipantPublishStateChanged ada-1');
    assert.deepEqual(await a.evaluate(() => [...window.app.stage.localParticipant.capabilities]), [
      'subscribe',
    ]);
  });

  await t.test('and whoever gets it back publishes again', async () => {
    await exchange({});
    await sees(b, 'ada-1');
  });

  await t.test('and one that the server does not take ends the stay', async () => {
    const broken = `${key.token(stage, { ...claims, user_id: 'mallory' }).slice(0, -8)}AAAAAAAA`;
    const error = await a.evaluate(
      (other) =>
        window.app.stage.exchangeToken(other).then(
          () => undefined,
          ({ code, details }) => ({ code, details }),
        ),
      broken,
    );
    assert.equal(error.code, 11);
    assert.match(error.details, /TOKEN_INVALID/);
    await hears(a, 'stageLeft failed-exchange');
  });

  await close(a, b);
});

test('a publisher is seen on a second stage', { timeout }, async (t) => {
  const [source, destination] = [await createStage('here'), await createStage('there')];
  const made = await participantToken(server, source);
  const id = made.participantId;
  const a = await join(made.token, { publish: true });
  const b = await join((await participantToken(server, destination)).token);
  await hears(a, `stageParticipantStreamsAdded ${id}`);
  const replica = {
    sourceStageArn: source.arn,
    destinationStageArn: destination.arn,
    participantId: id,
  };

  await t.test('with the attributes that it has there', async () => {
    // The publisher is announced to its own stage when its path is up, which it may know first.
    await retry(() =>
      server.api('StartParticipantReplication', { ...replica, attributes: { from: 'here' } }),
    );
    await sees(b, id);
    assert.deepEqual((await person(b, id)).attributes, { from: 'here' });
  });

  await t.test('until that ends', async () => {
    await server.api('StopParticipantReplication', replica);
    await hears(b, `stageParticipantLeft ${id}`);
    assert.equal(await a.evaluate(() => window.app.stage.localParticipant.isPublishing), true);
  });

  await close(a, b);
});

async function retry(call) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt === 50 || !/Conflict|NotFound/.test(error.message)) throw error;
      await new Promise((done) => setTimeout(done, 200));
    }
  }
}

test('a viewer stays on when its network does not', { timeout }, async (t) => {
  const stage = await createStage('storm');
  const { token, participantId: id } = await participantToken(server, stage);
  const publisher = await join(token, { publish: true });
  const line = await openLine(server);
  const viewer = await openApp(browser, app, { line });
  const requests = [];
  viewer.on('request', (request) => {
    if (request.url().includes('/whip')) requests.push(request.method());
  });
  const viewing = await participantToken(server, stage, ['SUBSCRIBE']);
  await viewer.evaluate((other) => window.app.join(other), viewing.token);
  await sees(viewer, id);
  const track = () => viewer.evaluate((who) => window.app.remote.get(`${who} video`).id, id);
  const before = await track();
  requests.length = 0;

  await t.test('when its address changes', async () => {
    line.move();
    await sees(viewer, id);
    assert.ok(!requests.includes('POST'), `${requests}`);
  });

  await t.test('when nothing gets through for a while, by an ICE restart', async () => {
    line.cut();
    const patch = viewer.waitForRequest((request) => request.method() === 'PATCH');
    await patch;
    line.heal();
    await sees(viewer, id);
    assert.ok(
      requests.every((method) => method === 'PATCH' || method === 'OPTIONS'),
      `${requests}`,
    );
  });

  assert.equal(await track(), before, 'the same stream plays on');
  await close(publisher, viewer);
  line.close();
});

test('a publisher that begins anew keeps its viewers', { timeout }, async (t) => {
  const stage = await createStage('anew');
  const { token, participantId: id } = await participantToken(server, stage);
  const line = await openLine(server);
  const publisher = await openApp(browser, app, { line });
  await publisher.evaluate((other) => window.app.join(other, { publish: true }), token);
  const viewing = await participantToken(server, stage, ['SUBSCRIBE']);
  const viewer = await join(viewing.token);
  await sees(viewer, id);
  const track = () => viewer.evaluate((who) => window.app.remote.get(`${who} video`).id, id);
  const before = await track();

  await t.test('by another session, when the first cannot be repaired', async () => {
    const lost = { status: 404, contentType: 'application/problem+json', body: '{}' };
    await publisher.route('**/whip/sessions/*', (route) =>
      route.request().method() === 'PATCH' ? route.fulfill(lost) : route.continue(),
    );
    line.cut();
    await asked(publisher, 'PATCH');
    line.heal();
    await asked(publisher, 'POST');
    await viewer.evaluate((who) => window.app.flows(who, 'video'), id);
    await sees(viewer, id);
    assert.equal(await track(), before, 'the same stream plays on');
  });

  await t.test('and is seen again after it has loaded its page again', async () => {
    const left = hears(viewer, `stageParticipantLeft ${id}`);
    await publisher.reload();
    await left;
    await openApplication(publisher);
    await publisher.evaluate((other) => window.app.join(other, { publish: true }), token);
    await viewer.evaluate((who) => window.app.flows(who, 'video'), id);
    await sees(viewer, id);
  });

  await close(publisher, viewer);
  line.close();
});

test('whoever cannot reach the media port comes by the relay', { timeout }, async () => {
  const turn = `127.0.0.1:${await freePort()}`;
  const relaying = await startServer('--turn-listen', turn, '--turn-host', '127.0.0.1');
  try {
    const { stage } = await relaying.api('CreateStage', { name: 'relay' });
    const { token, participantId: id } = await participantToken(relaying, stage);
    const viewing = await participantToken(relaying, stage, ['SUBSCRIBE']);
    const publisher = await join(token, { publish: true, relayed: true });
    const viewer = await join(viewing.token, { relayed: true });
    await sees(viewer, id);
    await close(publisher, viewer);
  } finally {
    await relaying.stop();
  }
});
