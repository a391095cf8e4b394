import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTab, startBrowser } from './lib/browser.mjs';
import { startServer } from './lib/server.mjs';

// docs/limits.md. The SDK publishes in H.264; these pages speak WHIP and WHEP by themselves.

let server;
let browser;

before(async () => {
  server = await startServer('--limits-publish-resolution', '640x360');
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function newToken(stage, capability) {
  const input = { stageArn: stage.arn, capabilities: [capability] };
  return (await server.api('CreateParticipantToken', input)).participantToken;
}

/** What the page needs to publish and to watch. */
function peers() {
  const exchange = async (pc, url, token) => {
    await pc.setLocalDescription(await pc.createOffer());
    while (pc.iceGatheringState !== 'complete') {
      await new Promise((done) => pc.addEventListener('icegatheringstatechange', done));
    }
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` },
      body: pc.localDescription.sdp,
    });
    const text = await answer.text();
    if (answer.status !== 201) throw new Error(`${answer.status}: ${text}`);
    await pc.setRemoteDescription({ type: 'answer', sdp: text });
    return text;
  };
  const only = (transceiver, kind, names) => {
    const all = RTCRtpReceiver.getCapabilities(kind).codecs;
    const has = (name) => all.filter((c) => c.mimeType.toLowerCase() === `${kind}/${name}`);
    transceiver.setCodecPreferences([...names.flatMap(has), ...has('rtx')]);
  };
  window.publish = async (codec, width, height, token) => {
    const video = { width, height };
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video });
    const pc = new RTCPeerConnection();
    const options = { direction: 'sendonly' };
    only(pc.addTransceiver(media.getVideoTracks()[0], options), 'video', [codec]);
    only(pc.addTransceiver(media.getAudioTracks()[0], options), 'audio', ['red', 'opus']);
    window.publisher = pc;
    return exchange(pc, '/whip', token);
  };
  window.watch = async (publisher, token) => {
    const pc = new RTCPeerConnection();
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.addTransceiver('audio', { direction: 'recvonly' });
    const shown = document.createElement('video');
    shown.muted = shown.autoplay = true;
    document.body.append(shown);
    pc.addEventListener('track', (event) => {
      [shown.srcObject] = event.streams;
    });
    window.viewer = pc;
    return exchange(pc, `/whip/subscribe/${publisher}`, token);
  };
  window.seen = async () => {
    const stats = [...(await window.viewer.getStats()).values()];
    const of = (kind) => stats.find((s) => s.type === 'inbound-rtp' && s.kind === kind);
    const [video, audio] = [of('video'), of('audio')];
    const codec = stats.find((s) => s.id === video?.codecId);
    return {
      codec: codec?.mimeType,
      frames: video?.framesDecoded ?? 0,
      width: video?.frameWidth,
      sound: audio?.packetsReceived ?? 0,
    };
  };
}

async function open() {
  const page = await openTab(browser, { allow: [/favicon/] });
  await page.goto(`${server.origin}/healthz`);
  await page.evaluate(peers);
  return page;
}

for (const codec of ['VP8', 'VP9', 'AV1']) {
  test(`${codec} and redundant sound reach a browser`, { timeout: 90_000 }, async (t) => {
    const { stage } = await server.api('CreateStage', {});
    const publisher = await newToken(stage, 'PUBLISH');
    const viewer = await newToken(stage, 'SUBSCRIBE');
    const page = await open();
    const published = await page.evaluate(
      ([name, token]) => window.publish(name, 320, 240, token),
      [codec.toLowerCase(), publisher.token],
    );
    const watched = await page.evaluate(
      ([id, token]) => window.watch(id, token),
      [publisher.participantId, viewer.token],
    );
    const seen = await page.evaluate(async () => {
      for (;;) {
        const now = await window.seen();
        if (now.frames >= 60 && now.sound >= 60) return now;
        await new Promise((later) => setTimeout(later, 200));
      }
    });
    t.diagnostic(`${seen.frames} frames of ${seen.codec}, ${seen.sound} packets of sound`);
    assert.equal(seen.codec, `video/${codec}`);
    for (const answer of [published, watched]) {
      const [first] = answer.match(/m=audio \d+ \S+ (\d+)/).slice(1);
      assert.match(answer, new RegExp(`a=rtpmap:${first} red/48000/2`));
    }
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
}

test('a picture that is too large ends the publication', { timeout: 90_000 }, async () => {
  const { stage } = await server.api('CreateStage', {});
  const publisher = await newToken(stage, 'PUBLISH');
  const page = await open();
  await page.evaluate(([token]) => window.publish('h264', 1280, 720, token), [publisher.token]);
  await server.printed(/error_code=RESOLUTION_EXCEEDED/);
  const { stage: now } = await server.api('GetStage', { arn: stage.arn });
  const asked = {
    stageArn: stage.arn,
    sessionId: now.activeSessionId,
    participantId: publisher.participantId,
  };
  for (;;) {
    const { events } = await server.api('ListParticipantEvents', asked);
    const told = events.find((e) => e.name === 'PUBLISH_ERROR');
    if (told === undefined) {
      await new Promise((later) => setTimeout(later, 200));
      continue;
    }
    assert.equal(told.errorCode, 'RESOLUTION_EXCEEDED');
    break;
  }
  await page.context().close();
});
