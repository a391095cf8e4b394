import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** How long a full queue takes to drain, in milliseconds; more is dropped. */
const queueMs = 300;

/**
 * A line between a browser and the server's media port: a relay of UDP on this machine that can be
 * made slow, cut, or moved to another address, as a phone that changes its network is.
 */
export async function openLine(server) {
  const inner = createSocket('udp4');
  inner.bind(0, '127.0.0.1');
  await once(inner, 'listening');
  let outer;
  let client;
  let bitsPerSecond = Infinity;
  let isCut = false;
  let busyUntil = 0;
  const fromServer = (packet) => {
    if (isCut || client === undefined) return;
    const now = performance.now();
    const begin = Math.max(now, busyUntil);
    if (begin - now > queueMs) return;
    busyUntil = begin + (packet.length * 8000) / bitsPerSecond;
    const deliver = () => inner.send(packet, client.port, client.address);
    if (begin === now) deliver();
    else setTimeout(deliver, begin - now).unref();
  };
  const move = async () => {
    const before = outer;
    outer = createSocket('udp4');
    outer.bind(0, '127.0.0.1');
    await once(outer, 'listening');
    outer.on('message', fromServer);
    before?.close();
  };
  await move();
  inner.on('message', (packet, from) => {
    client = from;
    if (!isCut) outer.send(packet, server.mediaPort, '127.0.0.1');
  });
  return {
    port: inner.address().port,
    /** What the server sends is limited to that many bits per second. */
    limit(rate) {
      bitsPerSecond = rate;
    },
    cut() {
      isCut = true;
    },
    heal() {
      isCut = false;
    },
    /** From now on the server sees another address. */
    move,
    close() {
      inner.close();
      outer.close();
    },
  };
}

/** Has a page's media go over a line, from its next session on. To be called before the page opens. */
export async function takeLine(context, line) {
  await context.addInitScript((port) => {
    const accept = RTCPeerConnection.prototype.setRemoteDescription;
    RTCPeerConnection.prototype.setRemoteDescription = function (description) {
      const sdp = description.sdp
        .split('\r\n')
        .filter((row) => !row.startsWith('a=candidate:') || /^\S+ 1 udp /i.test(row))
        .map((row) => row.replace(/^(a=candidate:\S+ 1 udp \d+) \S+ \d+/i, `$1 127.0.0.1 ${port}`))
        .join('\r\n');
      return accept.call(this, { type: description.type, sdp });
    };
  }, line.port);
}
