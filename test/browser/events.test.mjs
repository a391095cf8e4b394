import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { openTab, startBrowser } from './lib/browser.mjs';
import { signIn } from './lib/console.mjs';
import { startServer } from './lib/server.mjs';

let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([
    startServer('--events-allow-private', '127.0.0.0/8'),
    startBrowser(),
  ]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('events are followed, filtered, paused and looked at', { timeout: 90_000 }, async (t) => {
  const { stage } = await server.api('CreateStage', { name: 'told' });
  const page = await openTab(browser, { permissions: ['clipboard-read', 'clipboard-write'] });
  const rows = page.locator('.feed > li');
  await signIn(page, server.origin);
  await page.getByRole('link', { name: 'Events', exact: true }).click();
  await page.getByRole('heading', { name: 'No events' }).waitFor();
  await page.locator('.connection[data-state=connected]').waitFor();

  await t.test('they appear as they happen', async () => {
    await publishAndLeave(stage, 'ada');
    await rows.nth(1).waitFor();
    assert.deepEqual(await rows.locator('.feed-name').allTextContents(), [
      'Participant Unpublished',
      'Participant Published',
    ]);
    await refusedToPublish(stage);
    await page
      .locator('.feed > li[data-error=true]')
      .getByText('The token does not permit it.')
      .waitFor();
  });

  await t.test('while it is paused they wait', async () => {
    await page.getByRole('button', { name: 'Pause' }).click();
    await publishAndLeave(stage, 'bob');
    await page.getByRole('button', { name: 'Go on, show 2 more' }).waitFor();
    assert.equal(await rows.count(), 3);
    await page.getByRole('button', { name: 'Go on, show 2 more' }).click();
    await rows.nth(4).waitFor();
    assert.equal(await rows.first().locator('a').textContent(), 'bob');
  });

  await t.test('the JSON of each is shown and copied', async () => {
    await rows.first().locator('.feed-name').focus();
    await page.keyboard.press('Enter');
    const shown = JSON.parse(await rows.first().locator('pre').textContent());
    assert.equal(shown.source, 'aws.ivs');
    assert.equal(shown['detail-type'], 'IVS Stage Update');
    assert.deepEqual(shown.resources, [stage.arn]);
    await rows.first().getByRole('button', { name: 'Copy' }).click();
    await rows.first().getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.deepEqual(JSON.parse(copied), shown);
  });

  await t.test('a filter of fields or of a pattern lets some through', async () => {
    await page.getByLabel('Event', { exact: true }).selectOption('Participant Published');
    await page.getByLabel('Stage', { exact: true }).fill(stage.arn.split('/').pop());
    await page.getByText('Pattern', { exact: true }).click();
    const pattern = page.getByLabel('Event pattern');
    await page.waitForFunction(
      (arn) => document.querySelector('textarea').value.includes(arn),
      stage.arn,
    );
    await page.getByRole('button', { name: 'Apply' }).click();
    await rows.nth(2).waitFor({ state: 'detached' });
    await rows.nth(1).waitFor();
    assert.deepEqual(
      [...new Set(await rows.locator('.feed-name').allTextContents())],
      ['Participant Published'],
    );
    await pattern.fill('{"detail":{"error_code":[{"exists":true}]}}');
    await page.getByRole('button', { name: 'Apply' }).click();
    await rows.nth(1).waitFor({ state: 'detached' });
    await page.locator('.feed > li[data-error=true]').waitFor();
    await pattern.fill('{"detail":');
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText('This is not JSON.').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await rows.nth(4).waitFor();
  });

  await t.test('an event leads to the timeline of whom it is about', async () => {
    await rows.getByRole('link', { name: 'ada' }).first().click();
    await page.locator('.lane[data-chosen=true]').getByText('ada').waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Events', level: 1 }).waitFor();
  });

  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('a webhook is added, tested, told again and removed', { timeout: 90_000 }, async (t) => {
  const receiver = await startReceiver();
  const { stage } = await server.api('CreateStage', { name: 'hooked' });
  const page = await openTab(browser);
  await signIn(page, server.origin);
  await page.getByRole('link', { name: 'Targets', exact: true }).click();
  await page.getByRole('heading', { name: 'No targets yet' }).waitFor();
  const card = page.getByRole('region', { name: 'crm' });
  let secret;

  try {
    await t.test('what cannot work is refused in words', async () => {
      await page.getByRole('button', { name: 'Add target' }).click();
      await page.getByLabel('Name', { exact: true }).fill('crm');
      await page.getByLabel('URL', { exact: true }).fill('http://169.254.169.254/');
      await page.getByRole('button', { name: 'Add', exact: true }).click();
      await page.getByRole('alert').waitFor();
      assert.match(await page.getByRole('alert').textContent(), /url/);
    });

    await t.test('its secret is shown once', async () => {
      await page.getByLabel('URL', { exact: true }).fill(receiver.url);
      await page.getByRole('button', { name: 'Add', exact: true }).click();
      secret = await page.getByLabel('Secret', { exact: true }).inputValue();
      assert.match(secret, /^whsec_/);
      await card.locator('.state[data-state=on]').waitFor();
      await page.getByRole('button', { name: 'I have kept it' }).click();
      await page.reload();
      await card.waitFor();
      assert.equal(await page.getByLabel('Secret', { exact: true }).count(), 0);
    });

    await t.test('a test event arrives, signed', async () => {
      await card.getByRole('button', { name: 'Send test event' }).click();
      await card.getByText('The test event arrived').waitFor();
      const request = await receiver.next();
      assert.equal(request.body['detail-type'], 'Proscenium Target Test');
      assert.ok(isSigned(request, secret));
    });

    await t.test('a failure is told with its reason', async () => {
      receiver.answer(500);
      await card.getByRole('button', { name: 'Send test event' }).click();
      await card.getByText(/did not arrive.*500/).waitFor();
      await receiver.next();
      receiver.answer(204);
    });

    await t.test('deliveries are counted, and told again from an event on', async () => {
      assert.equal(await fact(card, 'Last delivery').textContent(), 'Never');
      await publishAndLeave(stage, 'eve');
      const first = await receiver.next();
      const second = await receiver.next();
      assert.equal(second.body.detail.event_name, 'Participant Unpublished');
      await fact(card, 'Delivered').getByText('2', { exact: true }).waitFor();
      await page.getByRole('link', { name: 'Events', exact: true }).click();
      const published = page.locator('.feed > li').nth(1);
      await published.getByRole('button', { name: 'Participant Published' }).click();
      await published.getByRole('button', { name: 'Replay from here' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Target').selectOption('crm');
      await dialog.getByRole('button', { name: 'Replay' }).click();
      await page.getByText('crm is told everything again').waitFor();
      assert.deepEqual((await receiver.next()).body, first.body);
      assert.deepEqual((await receiver.next()).body, second.body);
    });

    await t.test('it is removed', async () => {
      await page.getByRole('link', { name: 'Targets', exact: true }).click();
      await card.getByRole('button', { name: 'Remove' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
      await page.getByRole('heading', { name: 'No targets yet' }).waitFor();
    });
    assert.deepEqual(
      page.complaints.filter((text) => !/400/.test(text)),
      [],
    );
  } finally {
    await page.context().close();
    await receiver.stop();
  }
});

const fact = (card, name) => card.locator('.facts > div').filter({ hasText: name }).locator('dd');

/** Somebody publishes for a moment, from a browser. */
async function publishAndLeave(stage, userId) {
  const { participantToken } = await server.api('CreateParticipantToken', {
    stageArn: stage.arn,
    capabilities: ['PUBLISH', 'SUBSCRIBE'],
    userId,
  });
  const page = await openTab(browser);
  await page.goto(`${server.origin}/console/join#${participantToken.token}`);
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.locator('.tile[data-local=true] video:not(.hidden)').waitFor();
  await page.locator('.connection[data-state=connected]').waitFor();
  // Connected to the stage is not yet publishing; the record says when.
  const key = { stageArn: stage.arn, sessionId: await sessionOf(stage) };
  for (;;) {
    const { participants } = await server.api('ListParticipants', {
      ...key,
      filterByUserId: userId,
    });
    if (participants[0]?.published) break;
  }
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.getByRole('button', { name: 'Join', exact: true }).waitFor();
  await page.context().close();
}

async function sessionOf(stage) {
  return (await server.api('GetStage', { arn: stage.arn })).stage.activeSessionId;
}

async function refusedToPublish(stage) {
  const { participantToken } = await server.api('CreateParticipantToken', {
    stageArn: stage.arn,
    capabilities: ['SUBSCRIBE'],
  });
  const page = await openTab(browser);
  await page.goto(`${server.origin}/console/watch#${participantToken.token}`);
  await page.getByText('Nobody is on stage yet').waitFor();
  const response = await fetch(`${server.origin}/whip`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${participantToken.token}`,
      'content-type': 'application/sdp',
    },
    body: 'v=0\r\n',
  });
  assert.equal(response.status, 403);
  await page.context().close();
}

/** A receiver of webhooks; `next()` resolves with each request in turn. */
async function startReceiver() {
  const requests = [];
  const waiting = [];
  let status = 204;
  const http = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      response.writeHead(status).end();
      const entry = { headers: request.headers, text, body: JSON.parse(text) };
      const take = waiting.shift();
      if (take === undefined) requests.push(entry);
      else take(entry);
    });
  }).listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${http.address().port}/hook`,
    answer: (next) => (status = next),
    next: () =>
      requests.length > 0
        ? Promise.resolve(requests.shift())
        : new Promise((done) => waiting.push(done)),
    async stop() {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
}

/** Whether a request is signed as Standard Webhooks say. */
function isSigned({ headers, text }, secret) {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  return headers['webhook-signature'].split(' ').includes(expected);
}
