/**
 * Runs inside each page, before the page's own scripts: notes when the first picture and the first
 * sound of somebody else are there, by what the media elements play.
 */
export function probe() {
  const seen = { frame: undefined, sound: undefined };
  const known = new WeakSet();
  window.probe = seen;

  const hear = (stream) => {
    const [track] = stream.getAudioTracks();
    if (track === undefined) return;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      if (!samples.some((sample) => Math.abs(sample) > 0.01)) return;
      seen.sound ??= performance.now();
      clearInterval(timer);
      void context.close();
    }, 10);
  };

  setInterval(() => {
    for (const video of document.querySelectorAll('.tile[data-local=false] video')) {
      const stream = video.srcObject;
      if (stream === null || known.has(stream)) continue;
      known.add(stream);
      video.requestVideoFrameCallback(() => {
        seen.frame ??= performance.now();
      });
      hear(stream);
    }
  }, 5);
}

/** How long after joining the first picture and the first sound of somebody else were there. */
export async function joinTimes(page) {
  await page.waitForFunction(
    () => window.probe.frame !== undefined && window.probe.sound !== undefined,
  );
  return page.evaluate(() => {
    const joined = performance.getEntriesByName('stage-join')[0].startTime;
    return {
      frame: window.probe.frame - joined,
      sound: window.probe.sound - joined,
    };
  });
}

/** Forgets the first picture and sound, to wait for the next ones. */
export async function forget(page) {
  await page.evaluate(() => {
    window.probe.frame = undefined;
    window.probe.sound = undefined;
  });
}

/**
 * Waits for the picture to move: 15 frames shown, and a visible part of the pixels changed between
 * two of them. Returns what was measured.
 */
export async function moves(page, selector) {
  await page.waitForSelector(`${selector}:not(.hidden)`);
  return page.evaluate(async (chosen) => {
    const canvas = new OffscreenCanvas(160, 90);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    // The element may be another one by the time that a frame is due.
    const nextFrame = async () => {
      for (;;) {
        const video = document.querySelector(chosen);
        const isShown = await new Promise((done) => {
          video?.requestVideoFrameCallback(() => done(true));
          setTimeout(() => done(false), 500);
        });
        if (isShown) return video;
      }
    };
    const pixels = (video) => {
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      return context.getImageData(0, 0, canvas.width, canvas.height).data;
    };
    let video = await nextFrame();
    const before = pixels(video);
    let changed = 0;
    let frames = 0;
    while (changed < 50 || frames < 15) {
      const next = await nextFrame();
      if (next === video) frames += 1;
      video = next;
      const after = pixels(video);
      changed = 0;
      for (let i = 0; i < after.length; i += 4) {
        if (Math.abs(after[i] - before[i]) + Math.abs(after[i + 1] - before[i + 1]) > 40)
          changed += 1;
      }
    }
    return {
      frames,
      changed,
      width: video.videoWidth,
      height: video.videoHeight,
      muted: video.muted,
    };
  }, selector);
}
