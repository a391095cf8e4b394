import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openTab, startBrowser } from './lib/browser.mjs';
import { joinTimes, moves } from './lib/probe.mjs';
import { startServer } from './lib/server.mjs';

let server;
let link;

before(async () => {
  server = await startServer('--demo');
  [link] = await server.printed(/http:\S+\/console\/watch#\S+/);
});
after(async () => {
  await server?.stop();
});

test(
  'serve --demo prints a link that shows live video at once',
  { timeout: 120_000 },
  async (t) => {
    const browser = await startBrowser();
    try {
      const page = await openTab(browser);
      await page.goto(link);
      const times = await joinTimes(page);
      const seen = await moves(page, '.tile video');
      t.diagnostic(
        `join to first frame ${times.frame.toFixed(0)} ms, to sound ${times.sound.toFixed(0)} ms`,
      );
      t.diagnostic(`picture ${seen.width}x${seen.height}`);
      assert.equal(seen.muted, false);
      // The page tells the server every ten seconds what its player dropped.
      const metrics = await told(
        `${new URL(link).origin}/metrics`,
        /^proscenium_dropped_frames_ratio/m,
      );
      assert.match(metrics, /^proscenium_platform_dropped_frames_ratio\{.*platform="web".*\}/m);
      assert.deepEqual(page.complaints, []);
    } finally {
      await browser.close();
    }
  },
);

test(
  'a browser that plays no sound by itself gets a button for it',
  { timeout: 60_000 },
  async () => {
    const browser = await startBrowser({ strictAutoplay: true });
    try {
      const page = await openTab(browser);
      // To look into a page counts as a click on it, so the page has to tell by itself what it plays.
      await page.addInitScript(() => {
        new MutationObserver((_changes, observer) => {
          if (document.querySelector('.sound') === null) return;
          observer.disconnect();
          console.info(document.querySelector('.tile video').muted ? 'silent' : 'loud');
        }).observe(document, { childList: true, subtree: true });
      });
      const told = page.waitForEvent('console', (message) => message.type() === 'info');
      await page.goto(link);
      assert.equal((await told).text(), 'silent');
      const button = page.getByRole('button', { name: 'Tap for sound' });
      await button.click();
      await button.waitFor({ state: 'detached' });
      const loud = await moves(page, '.tile video');
      assert.equal(loud.muted, false);
      assert.deepEqual(page.complaints, []);
    } finally {
      await browser.close();
    }
  },
);

test('where no UDP gets through, media comes over TCP', { timeout: 60_000 }, async (t) => {
  const browser = await startBrowser({ noUdp: true });
  try {
    const page = await openTab(browser);
    await page.addInitScript(() => {
      const Real = RTCPeerConnection;
      window.connections = [];
      window.RTCPeerConnection = class extends Real {
        constructor(...args) {
          super(...args);
          window.connections.push(this);
        }
      };
    });
    await page.goto(link);
    const times = await joinTimes(page);
    await moves(page, '.tile video');
    t.diagnostic(`join to first frame over TCP ${times.frame.toFixed(0)} ms`);
    const protocols = await page.evaluate(async () => {
      const reports = await Promise.all(window.connections.map((c) => c.getStats()));
      const all = reports.flatMap((report) => [...report.values()]);
      return all.filter((s) => s.type === 'remote-candidate').map((s) => s.protocol);
    });
    assert.deepEqual([...new Set(protocols)], ['tcp']);
    assert.deepEqual(page.complaints, []);
  } finally {
    await browser.close();
  }
});

/** Reads a page of the server until it says something. */
async function told(url, what) {
  for (;;) {
    const text = await (await fetch(url)).text();
    if (what.test(text)) return text;
    await pause(500);
  }
}
