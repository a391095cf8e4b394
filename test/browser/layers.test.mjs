import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startBrowser } from './lib/browser.mjs';
import { openLine } from './lib/line.mjs';
import { openApp, participantToken, startApp } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';

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

/** A stage with one who publishes in three layers. */
async function publish() {
  const { stage } = await server.api('CreateStage', { name: 'layers' });
  const { token, participantId: id } = await participantToken(server, stage);
  const page = await openApp(browser, app);
  await page.evaluate((t) => window.app.join(t, { publish: true, simulcast: true }), token);
  return { stage, page, id };
}

async function watch(stage, options) {
  const { token } = await participantToken(server, stage, ['SUBSCRIBE']);
  const page = await openApp(browser, app, options);
  await page.evaluate((t) => window.app.join(t), token);
  return page;
}

const sees = (page, id, ...pixels) =>
  page.evaluate((args) => window.app.sees(...args), [id, ...pixels]);
const widths = { low: 320, mid: 640, high: 1280 };
const chooses = (page, id, label) =>
  page.evaluate((args) => window.app.chooses(...args), [id, widths, label]);

test('a picture in three layers', { timeout }, async (t) => {
  const { stage, page: publisher, id } = await publish();
  const [first, second] = await Promise.all([watch(stage), watch(stage)]);
  const pages = [publisher, first, second];

  await t.test('is seen in the largest on a good line', async () => {
    await Promise.all([sees(first, id, 1280), sees(second, id, 1280)]);
    await chooses(first, id, 'high');
  });

  await t.test('shrinks for the viewer who prefers a smaller one, and only there', async () => {
    const before = await second.evaluate((who) => window.app.received(who), id);
    await first.evaluate(() => window.app.want({ layer: 'mid' }));
    await sees(first, id, 640);
    await chooses(first, id, 'mid');
    await first.evaluate(() => window.app.want({ layer: 'low' }));
    await sees(first, id, 320);
    await chooses(first, id, 'low');
    await sees(second, id, 1280);
    const now = await second.evaluate((who) => window.app.received(who), id);
    assert.equal(now.trackIdentifier, before.trackIdentifier);
  });

  await t.test('costs the publisher no layer that nobody watches', async () => {
    await second.evaluate(() => window.app.stage.leave());
    await publisher.evaluate(() => window.app.sends('low'));
  });

  await t.test('comes back in full with its next key frame when somebody wants it', async (u) => {
    const began = performance.now();
    await first.evaluate(() => window.app.want({ layer: undefined }));
    await sees(first, id, 1280);
    u.diagnostic(
      `from a sleeping layer to its picture ${(performance.now() - began).toFixed(0)} ms`,
    );
    await publisher.evaluate(() => window.app.sends('high'));
  });

  await t.test('is not sent to who wants the sound alone, until it is wanted again', async () => {
    await first.evaluate(() => window.app.want({ type: 'audio_only' }));
    await first.evaluate((who) => window.app.silent(who, 'video'), id);
    await first.evaluate((who) => window.app.flows(who, 'audio'), id);
    await first.evaluate(() => window.app.want({ type: 'audio_video' }));
    await sees(first, id, 1280);
  });

  for (const page of pages) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
});

test('a line that becomes thin, and good again', { timeout }, async (t) => {
  const line = await openLine(server);
  const { stage, page: publisher, id } = await publish();
  const viewer = await watch(stage, { line });
  await sees(viewer, id, 1280);

  await t.test('gets a picture that fits', async (u) => {
    const began = performance.now();
    line.limit(300_000);
    await sees(viewer, id, 320, 640);
    u.diagnostic(`to a smaller picture within ${(performance.now() - began).toFixed(0)} ms`);
  });

  await t.test('gets the whole picture back', async (u) => {
    const began = performance.now();
    line.limit(Infinity);
    await sees(viewer, id, 1280);
    u.diagnostic(`back to 1280 pixels within ${(performance.now() - began).toFixed(0)} ms`);
  });

  for (const page of [publisher, viewer]) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
  line.close();
});

test('a line that loses packets is given time to repeat them', { timeout }, async (t) => {
  const line = await openLine(server);
  const { stage, page: publisher, id } = await publish();
  const viewer = await watch(stage, { line });
  await sees(viewer, id, 1280);
  line.harm(0.05, 100);
  const target = await viewer.waitForFunction(() => {
    const receivers = window.connections.flatMap((connection) => connection.getReceivers());
    const targets = receivers.map((receiver) => receiver.jitterBufferTarget ?? 0);
    return Math.min(...targets) >= 200 && Math.max(...targets);
  });
  t.diagnostic(`plays at least ${await target.jsonValue()} ms late at a loss of 5 % and 100 ms`);
  for (const page of [publisher, viewer]) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
  line.close();
});
