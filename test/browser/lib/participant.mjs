import { openTab } from './browser.mjs';

/**
 * Opens a tab that takes part in a stage by the protocol's page alone, docs/signalling.md: no SDK and
 * no console, so that it can do what those would not.
 */
export async function openParticipant(browser, origin, token) {
  const page = await openTab(browser, { allow: [/Failed to load resource/] });
  await page.goto(`${origin}/healthz`);
  await page.evaluate(takePart, token);
  return {
    page,
    /** Connects the state socket; resolves with its first frame. */
    join: () => page.evaluate(() => window.part.join()),
    /** Offers camera and microphone; resolves with the status, once media may flow if it is 201. */
    publish: () => page.evaluate(() => window.part.publish()),
    unpublish: () => page.evaluate(() => window.part.end()),
    /** Asks for a publisher; resolves with the status, once frames were decoded if it is 201. */
    watch: (id) => page.evaluate((publisher) => window.part.watch(publisher), id),
    unwatch: () => page.evaluate(() => window.part.end()),
    /** Resolves with the next frame of a type on the state socket. */
    hears: (type) => page.evaluate((name) => window.part.hears(name), type),
    close: () => page.context().close(),
  };
}

/** Runs inside the page. */
function takePart(token) {
  const claims = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
  const frames = [];
  const waiting = [];
  let session;
  let socket;

  const exchange = async (path, connection) => {
    await connection.setLocalDescription(await connection.createOffer());
    const response = await fetch(claims.whip_url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
      body: connection.localDescription.sdp,
    });
    if (response.status !== 201) {
      connection.close();
      return response.status;
    }
    session = { connection, url: new URL(response.headers.get('location'), response.url) };
    await connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    if (connection.connectionState !== 'connected') {
      await new Promise((done) => {
        connection.addEventListener('connectionstatechange', () => {
          if (connection.connectionState === 'connected') done();
        });
      });
    }
    return response.status;
  };

  window.part = {
    hears: (type) => {
      const at = frames.findIndex((frame) => frame.type === type);
      if (at >= 0) return frames.splice(at, 1)[0];
      return new Promise((done) => waiting.push({ type, done }));
    },
    join() {
      socket = new WebSocket(`${claims.events_url}/${claims.topic}`, token);
      return new Promise((done) => {
        socket.addEventListener('message', ({ data }) => {
          const frame = JSON.parse(data);
          done(frame);
          const at = waiting.findIndex(({ type }) => type === frame.type);
          if (at >= 0) waiting.splice(at, 1)[0].done(frame);
          else frames.push(frame);
        });
      });
    },
    async publish() {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
      const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      for (const track of stream.getTracks()) {
        connection.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
      }
      return exchange('', connection);
    },
    async watch(publisher) {
      const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      connection.addTransceiver('audio', { direction: 'recvonly' });
      const { receiver } = connection.addTransceiver('video', { direction: 'recvonly' });
      const status = await exchange(`/subscribe/${publisher}`, connection);
      for (let decoded = 0; status === 201 && decoded < 5;) {
        const report = await receiver.getStats();
        report.forEach((entry) => {
          if (entry.type === 'inbound-rtp') decoded = entry.framesDecoded ?? 0;
        });
      }
      return status;
    },
    async end() {
      const { status } = await fetch(session.url, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${token}` },
      });
      session.connection.close(); // not before: a session whose connection says goodbye is gone
      return status;
    },
  };
}
