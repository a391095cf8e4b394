import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** How long a full queue takes to drain, in milliseconds; more is dropped. */
const queueMs = 300;

/**
 * A line between a browser and the server's media port: a relay of UDP on this machine that can be
 * made slow or lossy, cut, or moved to other addresses, as a phone that changes its network is.
 */
export async function openLine(server) {
  const inner = createSocket('udp4');
  inner.bind(0, '127.0.0.1');
  await once(inner, 'listening');
  let bitsPerSecond = Infinity;
  let isCut = false;
  let busyUntil = 0;
  let lost = 0;
  let wayMs = 0;
  /** For each socket of the browser, the one that the server sees in its place. */
  let outers = new Map();

  /** Has a packet take its time, or go astray. */
  const travel = (send) => {
    if (isCut || Math.random() < lost) return;
    if (wayMs === 0) send();
    else setTimeout(send, wayMs).unref();
  };
  const deliver = (packet, to) => {
    if (isCut) return;
    const now = performance.now();
    const begin = Math.max(now, busyUntil);
    if (begin - now > queueMs) return;
    busyUntil = begin + (packet.length * 8000) / bitsPerSecond;
    const send = () => {
      if (!isCut) inner.send(packet, to.port, to.address);
    };
    if (begin === now) send();
    else setTimeout(send, begin - now).unref();
  };
  const outerOf = (from) => {
    const name = `${from.address}:${from.port}`;
    const known = outers.get(name);
    if (known !== undefined) return known;
    const outer = createSocket('udp4');
    outer.on('message', (packet) => travel(() => deliver(packet, from)));
    outers.set(name, outer);
    return outer;
  };
  inner.on('message', (packet, from) => {
    travel(() => {
      if (!isCut) outerOf(from).send(packet, server.mediaPort, '127.0.0.1');
    });
  });
  const move = () => {
    const before = outers;
    outers = new Map();
    for (const outer of before.values()) outer.close();
  };
  return {
    port: inner.address().port,
    /** What the server sends is limited to that many bits per second. */
    limit(rate) {
      bitsPerSecond = rate;
      busyUntil = 0;
    },
    /** A share of the packets is lost from now on, each way, and there and back takes so long. */
    harm(share, roundTripMs) {
      lost = share;
      wayMs = roundTripMs / 2;
    },
    cut() {
      isCut = true;
    },
    heal() {
      isCut = false;
    },
    /** From now on the server sees other addresses. */
    move,
    close() {
      isCut = true;
      inner.close();
      move();
    },
  };
}

/** Has a page's media go over a line. To be called before the page opens. */
export async function takeLine(page, line) {
  await page.addInitScript((port) => {
    const accept = RTCPeerConnection.prototype.setRemoteDescription;
    window.connections = [];
    RTCPeerConnection.prototype.setRemoteDescription = function (description) {
      window.connections.push(this);
      const sdp = description.sdp
        .split('\r\n')
        .filter((row) => !row.startsWith('a=candidate:') || /^\S+ 1 udp /i.test(row))
        .map((row) => row.replace(/^(a=candidate:\S+ 1 udp \d+) \S+ \d+/i, `$1 127.0.0.1 ${port}`))
        .join('\r\n');
      return accept.call(this, { type: description.type, sdp });
    };
  }, line.port);
}
