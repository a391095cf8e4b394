import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTab, startBrowser } from './lib/browser.mjs';
import { createStage, joinStage, newLink, signIn } from './lib/console.mjs';
import { forget, joinTimes, moves } from './lib/probe.mjs';
import { startServer } from './lib/server.mjs';

const tile = '.tile[data-local=false]';
let server;
let browser;

before(async () => {
  // A window so long that whoever merely waits for its end is found out.
  const long = ['--reconnect-window', '60s'];
  [server, browser] = await Promise.all([startServer(...long), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('one publishes by the console, another watches by a link', { timeout: 120_000 }, async (t) => {
  const a = await openTab(browser);
  const b = await openTab(browser);
  await signIn(a, server.origin);
  await createStage(a, 'rehearsal');
  const tokenOfA = await joinStage(a, 'Ada');
  await a.locator('.tile[data-local=true] video:not(.hidden)').waitFor();
  const link = await newLink(a, 'viewer');
  assert.match(link, /\/console\/watch#ey/);

  await t.test('B sees moving video and hears sound', async () => {
    await b.goto(link);
    const times = await joinTimes(b);
    const seen = await moves(b, `${tile} video`);
    t.diagnostic(
      `join to first frame ${times.frame.toFixed(0)} ms, to sound ${times.sound.toFixed(0)} ms`,
    );
    t.diagnostic(`picture ${seen.width}x${seen.height}, ${seen.changed} of 14400 pixels changed`);
    assert.equal(seen.muted, false);
    assert.equal(await b.locator('.tile-name').textContent(), 'Ada');
  });

  await t.test('B chooses a smaller picture, and the best that fits again', async () => {
    const quality = b.locator(`${tile} .quality`);
    await b.locator(`${tile} .quality[data-layer=high]`).waitFor();
    await quality.locator('summary').click();
    await b.getByLabel('Quality', { exact: true }).selectOption('180p');
    await b.locator(`${tile} .quality[data-layer=low]`).waitFor();
    await b.waitForFunction((q) => document.querySelector(q).videoHeight === 180, `${tile} video`);
    await b.getByLabel('Quality', { exact: true }).selectOption('Best that fits');
    await b.locator(`${tile} .quality[data-layer=high]`).waitFor();
    await b.waitForFunction((q) => document.querySelector(q).videoHeight === 720, `${tile} video`);
    await quality
      .getByText(/ kbit\/s|Mbit\/s/)
      .first()
      .waitFor();
    await b.keyboard.press('Escape');
  });

  await t.test('A mutes and stops video, and B sees each', async () => {
    await a.getByRole('button', { name: 'Mute' }).click();
    await b.locator(`${tile} [data-muted=audio]`).waitFor();
    await a.getByRole('button', { name: 'Stop video' }).click();
    await b.locator(`${tile} .tile-empty[data-stopped=true]`).waitFor();
    await a.getByRole('button', { name: 'Unmute' }).click();
    await b.locator(`${tile} [data-muted=audio]`).waitFor({ state: 'detached' });
    await a.getByRole('button', { name: 'Start video' }).click();
    await moves(b, `${tile} video`);
  });

  await t.test('DisconnectParticipant drops A, whose token no longer joins', async () => {
    const { stages } = await server.api('ListStages', {});
    const participantId = await b.locator(tile).getAttribute('data-participant');
    assert.equal(participantId, tokenOfA.participantId);
    await server.api('DisconnectParticipant', {
      stageArn: stages[0].arn,
      participantId,
    });
    await a.getByText('You were disconnected.').waitFor();
    await b.getByText('Nobody is on stage yet').waitFor();

    const again = await openTab(browser);
    await again.goto(`${server.origin}/console/join#${tokenOfA.token}`);
    await again.getByRole('button', { name: 'Join', exact: true }).click();
    await again.getByText('You were disconnected from this stage.').waitFor();
    assert.deepEqual(again.complaints, []);
    await again.context().close();
  });

  await t.test('A comes back with a new token, and B sees it without doing anything', async () => {
    await forget(b);
    const second = await joinStage(a, 'Ada again');
    assert.notEqual(second.participantId, tokenOfA.participantId);
    await b.waitForFunction(() => window.probe.frame !== undefined);
    assert.equal(await b.locator('.tile-name').textContent(), 'Ada again');
  });

  await t.test('DeleteStage ends both and says why', async () => {
    const { stages } = await server.api('ListStages', {});
    await server.api('DeleteStage', { arn: stages[0].arn });
    await a.getByText('This stage has ended.').waitFor();
    await b.getByRole('heading', { name: 'This stage has ended' }).waitFor();
  });

  assert.deepEqual(a.complaints, []);
  assert.deepEqual(b.complaints, []);
  await a.context().close();
  await b.context().close();
});

test('two on stage see each other, and one sends the other off', { timeout: 120_000 }, async () => {
  const a = await openTab(browser);
  const b = await openTab(browser);
  await signIn(a, server.origin);
  await createStage(a, 'duet');
  await joinStage(a, 'Ada');
  await b.goto(await newLink(a, 'host'));
  await b.getByRole('button', { name: 'Join', exact: true }).click();
  await Promise.all([moves(a, `${tile} video`), moves(b, `${tile} video`)]);

  await a.locator(tile).hover();
  await a.getByRole('button', { name: /^Disconnect / }).click();
  await a.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
  await b.getByText('You were disconnected.').waitFor();
  await a.getByText('Nobody else is on stage').waitFor();

  await a.getByRole('button', { name: 'Leave' }).click();
  await a.getByRole('button', { name: 'Join', exact: true }).waitFor();
  assert.deepEqual(a.complaints, []);
  assert.deepEqual(b.complaints, []);
  await a.context().close();
  await b.context().close();
});

test('a lost state socket keeps the picture and comes back', { timeout: 120_000 }, async () => {
  const a = await openTab(browser);
  const b = await openTab(browser);
  const sockets = [];
  await b.routeWebSocket(/\/events\//, (socket) => {
    sockets.push(socket);
    socket.connectToServer();
  });
  await signIn(a, server.origin);
  await createStage(a, 'storm');
  await joinStage(a, 'Ada');
  await b.goto(await newLink(a, 'viewer'));
  await moves(b, `${tile} video`);
  const before = await b.evaluate(() => document.querySelector('.tile video').srcObject.id);

  await sockets[0].close({ code: 4999 });
  await b.getByText('Reconnecting…').waitFor();
  await b.getByText('Connected').waitFor();
  await moves(b, `${tile} video`);
  const after = await b.evaluate(() => document.querySelector('.tile video').srcObject.id);
  assert.equal(after, before, 'the same stream plays on');
  assert.equal(sockets.length, 2);
  assert.deepEqual(b.complaints, []);
  await a.context().close();
  await b.context().close();
});

test(
  'a server that restarts gets its publisher and its viewer back, and a closed tab is gone at once',
  { timeout: 120_000 },
  async (t) => {
    // The browser says of every attempt that it failed: while the server is down, and while it is up
    // but its publisher is not back yet.
    const allow = [/ERR_CONNECTION_(REFUSED|RESET)/, /WebSocket connection to/, /whip\/subscribe/];
    const a = await openTab(browser, { allow });
    const b = await openTab(browser, { allow });
    await signIn(a, server.origin);
    await createStage(a, 'phoenix');
    await joinStage(a, 'Ada');
    await b.goto(await newLink(a, 'viewer'));
    await moves(b, `${tile} video`);

    await forget(b);
    const ended = performance.now();
    await server.restart();
    await b.waitForFunction(() => window.probe.frame !== undefined, undefined, { timeout: 60_000 });
    t.diagnostic(`SIGTERM to moving again ${((performance.now() - ended) / 1000).toFixed(1)} s`);
    await moves(b, `${tile} video`);

    await a.goto('about:blank');
    await b.getByText('Nobody is on stage yet').waitFor();
    assert.deepEqual([...a.complaints, ...b.complaints], []);
    await a.context().close();
    await b.context().close();
  },
);
