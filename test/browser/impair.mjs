/**
 * One viewer in Chromium, on a line that somebody else makes bad: started by `go run ./test/impair/run -browser`.
 * Takes what to do as JSON in its first argument, prints `ready` when frames are decoded and the time to settle is
 * over, and at the end the browser's own statistics as a line of JSON.
 */
import { openTab, startBrowser } from './lib/browser.mjs';

const job = JSON.parse(process.argv[2]);
const browser = await startBrowser();
try {
  const page = await openTab(browser, { allow: [/Failed to load resource/] });
  await page.goto(`${job.origin}/healthz`);
  await page.evaluate(watch, job);
  await page.waitForTimeout(job.settleMs);
  const before = await page.evaluate(() => window.stats());
  console.log('ready');
  const samples = [];
  for (let at = 0; at < job.durationMs; at += 1000) {
    await page.waitForTimeout(1000);
    const { video } = await page.evaluate(() => window.stats());
    samples.push({
      height: video.frameHeight,
      decoded: video.framesDecoded,
      freezes: video.freezeCount,
      frozen: video.totalFreezesDuration,
      bytes: video.bytesReceived,
    });
  }
  const after = await page.evaluate(() => window.stats());
  console.log(JSON.stringify({ before, after, samples }));
} finally {
  await browser.close();
}

/** Runs inside the page. */
async function watch({ url, token, relay, recovery, targetMs }) {
  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  connection.addTransceiver('audio', { direction: 'recvonly' });
  connection.addTransceiver('video', { direction: 'recvonly' });
  const media = new MediaStream();
  connection.addEventListener('track', ({ track, receiver }) => {
    media.addTrack(track);
    if (targetMs > 0) receiver.jitterBufferTarget = targetMs;
  });
  const element = document.createElement('video');
  element.srcObject = media;
  element.autoplay = true;
  document.body.append(element);

  /** The offer without what recovers and adapts; requests for key frames stay. */
  const plain = (sdp) => {
    const repeats = [...sdp.matchAll(/^a=rtpmap:(\d+) rtx\//gm)].map(([, format]) => format);
    return sdp
      .split('\r\n')
      .filter((line) => !/^a=rtcp-fb:\S+ (nack|transport-cc|goog-remb)$/.test(line))
      .filter((line) => !/^a=extmap:.*transport-wide-cc/.test(line))
      .filter(
        (line) => !repeats.some((f) => new RegExp(`^a=(rtpmap|fmtp|rtcp-fb):${f} `).test(line)),
      )
      .map((line) =>
        line.startsWith('m=')
          ? line
              .split(' ')
              .filter((word, at) => at < 3 || !repeats.includes(word))
              .join(' ')
          : line,
      )
      .join('\r\n');
  };
  const { sdp } = await connection.createOffer();
  await connection.setLocalDescription({ type: 'offer', sdp: recovery ? sdp : plain(sdp) });
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
    body: connection.localDescription.sdp,
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  const [host, port] = relay.split(':');
  const answer = (await response.text())
    .split('\r\n')
    .filter((line) => !/^a=candidate:\S+ \d+ tcp/i.test(line))
    .map((line) => {
      if (!line.startsWith('a=candidate:')) return line;
      const fields = line.split(' ');
      fields[4] = host;
      fields[5] = port;
      return fields.join(' ');
    })
    .join('\r\n');
  await connection.setRemoteDescription({ type: 'answer', sdp: answer });

  window.stats = async () => {
    const out = { video: {}, audio: {} };
    (await connection.getStats()).forEach((entry) => {
      if (entry.type === 'inbound-rtp') out[entry.kind] = { ...entry };
    });
    return out;
  };
  for (;;) {
    if (((await window.stats()).video.framesDecoded ?? 0) > 5) return;
    await new Promise((done) => setTimeout(done, 50));
  }
}
