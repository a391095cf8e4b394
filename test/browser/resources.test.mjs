import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { openTab, startBrowser } from './lib/browser.mjs';
import { signIn } from './lib/console.mjs';
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

test('public keys are imported, looked at and deleted', { timeout: 60_000 }, async () => {
  const page = await openTab(browser, { allow: [/400/] });
  const rows = page.locator('.resources > li');
  await signIn(page, server.origin);
  await page.getByRole('link', { name: 'Resources', exact: true }).click();
  await page.getByText('There is no public key yet.').waitFor();
  await page.getByText('Import a public key').click();
  await page.getByLabel('Name', { exact: true }).fill('backend');
  await page.getByLabel('Key', { exact: true }).fill('nonsense');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('alert').waitFor();

  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  await page.getByLabel('Key', { exact: true }).fill(pem);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await rows.waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
  const { publicKeys } = await server.api('ListPublicKeys', {});
  assert.deepEqual(
    publicKeys.map(({ name }) => name),
    ['backend'],
  );

  await rows.getByRole('button', { name: 'backend', exact: true }).click();
  const shown = JSON.parse(await rows.locator('pre').textContent());
  assert.equal(shown.arn, publicKeys[0].arn);
  assert.equal(shown.publicKeyMaterial.trim(), pem.trim());

  await rows.getByRole('button', { name: 'Delete backend' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('There is no public key yet.').waitFor();
  assert.deepEqual((await server.api('ListPublicKeys', {})).publicKeys, []);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('every kind of resource is listed, page by page', { timeout: 60_000 }, async () => {
  for (let n = 1; n <= 52; n += 1) {
    await server.api('CreateEncoderConfiguration', { name: `e-${n}` });
  }
  await server.api('CreateIngestConfiguration', { name: 'studio', ingestProtocol: 'RTMPS' });
  await server.api('CreateChannel', { name: 'big-screen' });
  const page = await openTab(browser);
  const rows = page.locator('.resources > li');
  await signIn(page, server.origin);
  await page.getByRole('heading', { name: 'Stages', exact: true }).waitFor();

  await page.goto(`${server.origin}/console/resources/encoder-configurations`);
  await rows.nth(49).waitFor();
  await page.getByRole('button', { name: 'Show more' }).click();
  await rows.nth(51).waitFor();
  assert.equal(new Set(await rows.locator('.feed-name').allTextContents()).size, 52);

  const open = (name) => page.locator('.tabs').getByRole('link', { name, exact: true }).click();
  await open('Ingest');
  await rows.getByText('RTMPS').waitFor();
  await open('Storage');
  await page.getByText('There is no storage configuration yet.').waitFor();
  await open('Compositions');
  await page.getByText('There is no composition yet.').waitFor();
  await open('Channels');
  await rows.getByRole('button', { name: 'big-screen', exact: true }).click();
  await rows.locator('pre').getByText('playbackUrl').waitFor();
  await page.goBack();
  await page.getByText('There is no composition yet.').waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});
