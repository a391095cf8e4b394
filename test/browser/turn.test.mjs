import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTab, startBrowser } from './lib/browser.mjs';
import { startServer } from './lib/server.mjs';

const timeout = 120_000;
let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([
    startServer('--turn-listen', '127.0.0.1:0'),
    startBrowser(),
  ]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Runs inside the page: publishes, or watches someone, through a relay and in no other way. */
async function relayed({ token, whip, transport, watch }) {
  const authorization = `Bearer ${token}`;
  const preview = await fetch(whip, { method: 'OPTIONS', headers: { authorization } });
  const link =
    /<([^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"; credential-type="password"/g;
  const iceServers = [...preview.headers.get('link').matchAll(link)]
    .map(([, urls, username, credential]) => ({ urls, username, credential }))
    .filter(({ urls }) => urls.endsWith(`transport=${transport}`));
  const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: 'relay' });
  window.connection = connection;
  if (watch) {
    connection.addTransceiver('audio', { direction: 'recvonly' });
    connection.addTransceiver('video', { direction: 'recvonly' });
  } else {
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of media.getTracks()) connection.addTrack(track, media);
  }
  await connection.setLocalDescription();
  const answer = await fetch(watch ? `${whip}/subscribe/${watch}` : whip, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/sdp' },
    body: connection.localDescription.sdp,
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  const figure = watch ? 'framesDecoded' : 'framesEncoded';
  for (;;) {
    const stats = [...(await connection.getStats()).values()];
    const pair = stats.find(({ type, nominated }) => type === 'candidate-pair' && nominated);
    const way = stats.find(({ id }) => id === pair?.localCandidateId);
    const frames = stats.find((s) => s[figure] > 10);
    if (way !== undefined && frames !== undefined) {
      return { kind: way.candidateType, by: way.relayProtocol };
    }
    if (connection.connectionState === 'failed') throw new Error('the relay leads nowhere');
    await new Promise((done) => setTimeout(done, 100));
  }
}

for (const transport of ['udp', 'tcp']) {
  test(`media passes through TURN over ${transport}`, { timeout }, async () => {
    const { stage } = await server.api('CreateStage', {});
    const token = async () =>
      (await server.api('CreateParticipantToken', { stageArn: stage.arn })).participantToken;
    const whip = `${server.origin}/whip`;
    const open = async (args) => {
      const page = await openTab(browser);
      await page.goto(`${server.origin}/healthz`);
      const way = await page.evaluate(relayed, { whip, transport, ...args });
      assert.deepEqual(way, { kind: 'relay', by: transport });
      return page;
    };
    const ada = await token();
    const publisher = await open({ token: ada.token });
    const viewer = await open({ token: (await token()).token, watch: ada.participantId });
    for (const page of [publisher, viewer]) await page.context().close();
  });
}
