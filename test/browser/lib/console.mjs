/** What a person does in the console, by what a person sees. */
export async function signIn(
  page,
  origin,
  { key = 'test', secret = 'test', region = 'us-east-1' } = {},
) {
  await page.goto(`${origin}/console/`);
  await page.getByLabel('Access key ID').fill(key);
  await page.getByLabel('Secret access key').fill(secret);
  await page.getByLabel('Region').fill(region);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

export async function createStage(page, name) {
  await page.getByLabel('Name of the new stage').fill(name);
  await page.getByRole('button', { name: 'Create stage' }).click();
  await page.getByRole('link', { name: new RegExp(name) }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

/** Joins from the lobby; resolves with the token that was made for it. */
export async function joinStage(page, name) {
  await page.getByLabel('Your name on stage').fill(name);
  // The label says that camera and microphone are both there.
  const button = page.getByRole('button', { name: 'Join', exact: true });
  const answer = page.waitForResponse((r) => r.url().endsWith('/CreateParticipantToken'));
  await button.click();
  const { participantToken } = await (await answer).json();
  await page.locator('.connection[data-state=connected]').waitFor();
  return participantToken;
}

export async function newLink(page, kind) {
  await page.getByRole('button', { name: `New ${kind} link` }).click();
  return page.getByLabel(`${kind === 'viewer' ? 'Viewer' : 'Host'} link`).inputValue();
}
