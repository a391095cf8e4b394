import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTab, startBrowser } from './lib/browser.mjs';
import { createStage, joinStage, newLink, signIn } from './lib/console.mjs';
import { startServer } from './lib/server.mjs';

let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([startServer(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('a session is told while it runs, and when it is over', { timeout: 120_000 }, async (t) => {
  const console_ = await openTab(browser);
  const host = await openTab(browser);
  const viewer = await openTab(browser);
  const people = console_.locator('.people tbody tr');
  const lanes = console_.locator('.lane');
  await signIn(console_, server.origin);
  await createStage(console_, 'premiere');
  await console_.getByText('No session yet.').waitFor();
  const hostLink = await newLink(console_, 'host');
  const viewerLink = await newLink(console_, 'viewer');
  const viewerToken = viewerLink.split('#')[1];
  let timelinePath;

  await t.test('who is connected is shown as they come, without a reload', async () => {
    await host.goto(hostLink);
    await host.getByRole('button', { name: 'Join', exact: true }).click();
    await people.getByText('Yes', { exact: true }).waitFor();
    assert.equal(await people.count(), 1);
    await viewer.goto(viewerLink);
    await viewer.locator('.tile-name').waitFor();
    await people.nth(1).waitFor();
    assert.deepEqual(await people.locator('td:nth-child(2)').allTextContents(), ['Yes', 'No']);
    await console_.locator('.links .live').waitFor();
  });

  await t.test('how each fares is shown, and who is muted', async () => {
    const sends = people.locator('td:nth-child(3)');
    const receives = people.locator('td:nth-child(4)');
    await sends
      .nth(0)
      .getByText(/bit\/s.*\d+\/\d+p · \d+ fps · \d+\.\d % lost/)
      .waitFor();
    await receives
      .nth(1)
      .getByText(/bit\/s.*\d+p.* · \d+\.\d % lost/)
      .waitFor();
    assert.equal(await sends.nth(1).textContent(), '–');
    const row = await people.nth(0).elementHandle();
    await host.getByRole('button', { name: 'Mute' }).click();
    await people.nth(0).getByTitle('Muted').waitFor();
    await host.getByRole('button', { name: 'Unmute' }).click();
    await people.nth(0).getByTitle('Sound on').waitFor();
    // The same row all the time: nothing was drawn anew.
    assert.ok(await row.evaluate((element) => element.isConnected));
  });

  await t.test('a lane for each shows stay, publishing and receiving', async () => {
    await console_.getByRole('link', { name: 'Timeline' }).click();
    await lanes.nth(1).waitFor();
    timelinePath = new URL(console_.url()).pathname;
    assert.match(timelinePath, /^\/console\/stages\/\w{12}\/sessions\/st-\w+$/);
    await lanes.nth(0).locator('.publish[data-open=true]').waitFor();
    await lanes.nth(1).locator('.receive[data-open=true]').waitFor();
    await lanes.nth(1).locator('.subscribe').waitFor();
    assert.equal(await lanes.nth(1).locator('.publish').count(), 0);
    await console_.locator('.event-list').getByText('Began to publish').waitFor();
  });

  await t.test('an error appears in red, its code explained in words', async () => {
    const refused = await fetch(`${server.origin}/whip`, {
      method: 'POST',
      headers: { authorization: `Bearer ${viewerToken}`, 'content-type': 'application/sdp' },
      body: 'v=0\r\n',
    });
    assert.equal(refused.status, 403);
    const error = lanes.nth(1).locator('.error');
    await error.waitFor();
    assert.match(await error.getAttribute('aria-label'), /Could not publish: INSUFFICIENT_CAPABIL/);
    await console_.getByLabel('Errors only').check();
    const listed = console_.locator('.event-list li');
    assert.equal(await listed.count(), 1);
    await listed.getByText('The token does not permit it.').waitFor();
    await console_.getByLabel('Errors only').uncheck();
  });

  await t.test('it works by keyboard, and has a link for each participant', async () => {
    await lanes.nth(0).locator('.lane-name').focus();
    await console_.keyboard.press('ArrowDown');
    await console_.keyboard.press('Enter');
    await console_.locator('.facts').getByText('First joined').waitFor();
    assert.match(new URL(console_.url()).pathname, /\/participants\/\w{12}$/);
    assert.equal(await lanes.nth(1).getAttribute('data-chosen'), 'true');
    await console_.keyboard.press('Tab');
    await console_.keyboard.press('Enter');
    await console_.locator('.event-list [data-marked=true]').waitFor();
    await console_.reload();
    await lanes.nth(1).waitFor();
    await console_.locator('.facts').getByText('First joined').waitFor();
    await console_.getByRole('button', { name: 'Show everybody' }).click();
    assert.equal(new URL(console_.url()).pathname, timelinePath);
    await console_.getByRole('button', { name: 'Zoom in' }).click();
    await console_.getByRole('region', { name: 'Timeline' }).press('ArrowRight');
  });

  await t.test('who leaves is told of at once', async () => {
    await viewer.close();
    await lanes.nth(1).locator('.receive:not([data-open=true])').waitFor();
    await lanes.nth(1).locator('.stay[data-open=false]').waitFor();
    await console_.getByRole('link', { name: 'Stage premiere' }).click();
    await console_.locator('.count').getByText('1', { exact: true }).waitFor();
    assert.equal(await people.count(), 1);
  });

  await t.test('somebody is sent off the stage from the list', async () => {
    await people.getByRole('button', { name: /^Send .* off the stage$/ }).click();
    await console_
      .getByRole('dialog')
      .getByRole('button', { name: 'Disconnect', exact: true })
      .click();
    await host.getByText('You were disconnected.').waitFor();
    await console_.getByText('Nobody is connected.').waitFor();
  });

  await t.test('a session that is over keeps its timeline', async () => {
    // Away from the page first: it asks all the while, and the browser would complain of a server that is gone.
    await console_.goto('about:blank');
    await server.restart();
    await console_.goto(server.origin + timelinePath);
    await console_.locator('.timeline[data-running=false]').waitFor();
    await lanes.nth(0).locator('.publish[data-open=false]').waitFor();
    assert.equal(await lanes.nth(1).locator('.error').count(), 1);
    assert.equal(await console_.locator('.session-state .live').count(), 0);
  });

  assert.deepEqual(console_.complaints, []);
  assert.deepEqual(host.complaints, []);
  await console_.context().close();
  await host.context().close();
});

test('one stays on stage while looking at its session', { timeout: 60_000 }, async () => {
  const page = await openTab(browser);
  const other = await openTab(browser);
  await signIn(page, server.origin);
  await createStage(page, 'backstage');
  await joinStage(page, 'Ada');
  const link = await newLink(page, 'viewer');
  await other.goto(link);
  await other.locator('.tile-name').waitFor();
  await page.getByRole('link', { name: 'Timeline' }).click();
  await page.locator('.lane').nth(1).waitFor();
  await page.getByText('You are on stage.').waitFor();
  assert.equal(await other.locator('.tile-name').textContent(), 'Ada');
  await page.goBack();
  await page.locator('.connection[data-state=connected]').waitFor();
  // Off to the list of stages: that is leaving.
  await page.getByRole('link', { name: 'All stages' }).click();
  await other.getByText('Nobody is on stage yet').waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  await other.context().close();
});

test('the names of participants are text in timelines, too (security row 42)', async () => {
  const attack = `<img src=x onerror="document.title='owned'">`;
  const { stage } = await server.api('CreateStage', { name: 'row-42-timeline' });
  const { participantToken } = await server.api('CreateParticipantToken', {
    stageArn: stage.arn,
    capabilities: ['SUBSCRIBE'],
    userId: attack,
    attributes: { [`<b>`]: attack },
  });
  const viewer = await openTab(browser);
  await viewer.goto(`${server.origin}/console/watch#${participantToken.token}`);
  await viewer.getByText('Nobody is on stage yet').waitFor();
  const page = await openTab(browser);
  await signIn(page, server.origin);
  await page.getByRole('link', { name: /row-42-timeline/ }).click();
  await page.getByRole('link', { name: attack }).click();
  await page.locator('.facts').getByText('Attribute <b>').waitFor();
  assert.equal(await page.locator('.lane-label').textContent(), attack);
  assert.equal(await page.locator('main img').count(), 0);
  assert.doesNotMatch(await page.title(), /owned/);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  await viewer.context().close();
});

test('a session that there is not says so', async () => {
  const page = await openTab(browser, { allow: [/404/] });
  await signIn(page, server.origin);
  await page.getByRole('heading', { name: 'Stages', exact: true }).waitFor();
  const { stage } = await server.api('CreateStage', { name: 'quiet' });
  const id = stage.arn.split('/').pop();
  await page.goto(`${server.origin}/console/stages/${id}/sessions/st-AbCdEfGhIjKlM`);
  await page.getByRole('alert').first().waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});
