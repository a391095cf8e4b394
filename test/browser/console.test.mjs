import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTab, startBrowser } from './lib/browser.mjs';
import { createStage, signIn } from './lib/console.mjs';
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

test('signing in: refused in plain words, kept over a reload, the secret kept nowhere', async () => {
  const page = await openTab(browser, { allow: [/403/] });
  await signIn(page, server.origin, { key: 'nobody' });
  await page.getByText('This access key ID is not known here.').waitFor();
  await signIn(page, server.origin, { secret: 'not-the-secret' });
  await page.getByText('The secret access key does not belong to this access key ID.').waitFor();
  await signIn(page, server.origin, { region: 'eu-west-1' });
  await page.getByText('The server runs in another region.').waitFor();

  await signIn(page, server.origin);
  await page.getByRole('heading', { name: 'No stages yet' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'No stages yet' }).waitFor();
  const kept = await page.evaluate(() => ({
    tab: Object.values({ ...sessionStorage }).join(),
    origin: Object.keys({ ...localStorage }).length,
    cookie: document.cookie,
  }));
  assert.match(kept.tab, /"accessKeyId":"test"/);
  assert.doesNotMatch(kept.tab, /secret/i);
  assert.deepEqual([kept.origin, kept.cookie], [0, '']);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('signs on a page that the browser does not trust', async () => {
  // A name that is not localhost, over plain HTTP: no crypto.subtle, no camera.
  const other = await startBrowserFor('stage.example', server.origin);
  try {
    const page = await openTab(other.browser);
    await signIn(page, other.origin);
    await page.getByRole('heading', { name: 'Stages', exact: true }).waitFor();
    assert.equal(await page.evaluate(() => isSecureContext), false);
    await createStage(page, 'plain');
    await page.getByText('only over HTTPS or on localhost').first().waitFor();
    await page.getByRole('button', { name: 'Join to watch' }).waitFor();
    assert.deepEqual(page.complaints, []);
  } finally {
    await other.browser.close();
  }
});

test('stages are listed page by page, created and deleted', async () => {
  const { stages } = await server.api('ListStages', {});
  for (const stage of stages) await server.api('DeleteStage', { arn: stage.arn });
  for (let n = 1; n <= 53; n += 1) await server.api('CreateStage', { name: `s-${n}` });
  const page = await openTab(browser);
  await signIn(page, server.origin);
  const rows = page.locator('.links li');
  await rows.nth(49).waitFor();
  assert.equal(await rows.count(), 50);
  await page.getByRole('button', { name: 'Show more' }).click();
  await rows.nth(52).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0);

  const doomed = await page.locator('.link-name').first().textContent();
  await page.getByRole('button', { name: `Delete ${doomed}`, exact: true }).click();
  await page.keyboard.press('Escape');
  assert.equal(await rows.count(), 53);
  await page.getByRole('button', { name: `Delete ${doomed}`, exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete stage' }).click();
  await rows.nth(52).waitFor({ state: 'detached' });
  const left = [];
  for (let nextToken; ;) {
    const answer = await server.api('ListStages', {
      maxResults: 100,
      ...(nextToken && { nextToken }),
    });
    left.push(...answer.stages.map((stage) => stage.name));
    ({ nextToken } = answer);
    if (nextToken == null) break;
  }
  assert.equal(left.length, 52);
  assert.ok(!left.includes(doomed));
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('names and attributes are text, whatever is in them (security row 42)', async () => {
  const attack = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
  const { stage } = await server.api('CreateStage', { name: 'row-42' });
  const make = (capabilities, more) =>
    server.api('CreateParticipantToken', {
      stageArn: stage.arn,
      capabilities,
      ...more,
    });
  const host = await make(['PUBLISH', 'SUBSCRIBE'], {
    userId: attack,
    attributes: { displayName: attack },
  });
  const viewer = await make(['SUBSCRIBE']);
  const a = await openTab(browser);
  await a.goto(`${server.origin}/console/join#${host.participantToken.token}`);
  await a.getByRole('button', { name: 'Join', exact: true }).click();
  const b = await openTab(browser);
  await b.goto(`${server.origin}/console/watch#${viewer.participantToken.token}`);
  const name = b.locator('.tile-name');
  await name.waitFor();
  assert.equal(await name.textContent(), attack.slice(0, 80));
  assert.equal(await b.locator('.tile img, .tile script').count(), 0);
  assert.notEqual(await b.title(), 'owned');
  assert.deepEqual([...a.complaints, ...b.complaints], []);
  await a.context().close();
  await b.context().close();
});

test('no page may frame the console, and it runs nothing inline (security row 42)', async () => {
  for (const path of ['/console/', '/console/watch', '/console/join']) {
    const response = await fetch(server.origin + path);
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(response.headers.get('x-frame-options'), 'DENY');
    assert.doesNotMatch(await response.text(), /<style|style=|<script(?![^>]*src=)|\son\w+=/i);
  }
});

test('a link that is broken, or of a stage that is gone, says so', async () => {
  const { stage } = await server.api('CreateStage', { name: 'gone' });
  const { participantToken } = await server.api('CreateParticipantToken', {
    stageArn: stage.arn,
  });
  await server.api('DeleteStage', { arn: stage.arn });
  const page = await openTab(browser);
  await page.goto(`${server.origin}/console/watch#${participantToken.token}`);
  await page.getByText('This stage does not exist any more.').waitFor();
  await page.goto(`${server.origin}/console/watch#nonsense`);
  await page.getByRole('heading', { name: 'This link does not work' }).waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test(
  'everything that is needed to go on stage works by keyboard',
  { timeout: 60_000 },
  async () => {
    const page = await openTab(browser);
    await page.goto(`${server.origin}/console/`);
    await page.locator('input[name=username]:focus').waitFor();
    await page.keyboard.type('test');
    await page.keyboard.press('Tab');
    await page.keyboard.type('test');
    await page.keyboard.press('Enter');
    await page.getByLabel('Name of the new stage').focus();
    await page.keyboard.type('by-keyboard');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: /by-keyboard/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Join', exact: true }).waitFor();
    await page.getByLabel('Your name on stage').focus();
    await page.keyboard.type('Keys');
    await page.keyboard.press('Enter');
    await page.locator('.connection[data-state=connected]').waitFor();
    await page.getByRole('button', { name: 'Mute' }).focus();
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Unmute' }).waitFor();
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  },
);

async function startBrowserFor(name, origin) {
  const { port } = new URL(origin);
  const { chromium } = await import('playwright-core');
  const args = ['--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP ${name} 127.0.0.1`];
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return {
    browser: await chromium.launch({ executablePath, headless: true, args }),
    origin: `http://${name}:${port}`,
  };
}
