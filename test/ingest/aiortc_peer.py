#!/usr/bin/python3
"""A participant on aiortc, which speaks as clients in Python do: the token as the WebSocket's subprotocol, JSON frames,
PING, and HTTP exchanges for media.

    aiortc_peer.py TOKEN publish
    aiortc_peer.py TOKEN watch PARTICIPANT

Everything else is in the token. Prints, a line each: "state N" with the number of participants, "pong", then
"connected"; a watcher also "video WxH" and "audio" when frames have been decoded. A line on standard input ends it.
"""

import asyncio
import base64
import json
import sys
import urllib.parse
import urllib.request

import websockets
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

FRAMES = 30


def say(*words):
    print(*words, flush=True)


def claims(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def request(method, url, token, body=None):
    r = urllib.request.Request(url, data=body and body.encode(), method=method)
    r.add_header("Authorization", "Bearer " + token)
    if body:
        r.add_header("Content-Type", "application/sdp")
    with urllib.request.urlopen(r, timeout=10) as answer:
        return answer.status, answer.headers, answer.read().decode()


async def exchange(pc, url, token):
    await pc.setLocalDescription(await pc.createOffer())
    loop = asyncio.get_running_loop()
    status, headers, answer = await loop.run_in_executor(
        None, request, "POST", url, token, pc.localDescription.sdp
    )
    assert status == 201, status
    await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    return urllib.parse.urljoin(url, headers["Location"])


def only_h264(pc):
    wanted = [c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType in ("video/H264", "video/rtx")]
    for t in pc.getTransceivers():
        if t.kind == "video":
            t.setCodecPreferences(wanted)


async def decode(track):
    for _ in range(FRAMES):
        frame = await track.recv()
    say(f"video {frame.width}x{frame.height}" if track.kind == "video" else "audio")


async def main(token, role, other=None):
    c = claims(token)
    url = c["whip_url"]
    pc = RTCPeerConnection()
    decoding = []
    if role == "publish":
        pc.addTrack(AudioStreamTrack())
        pc.addTrack(VideoStreamTrack())
        for t in pc.getTransceivers():
            t.direction = "sendonly"
    else:
        url += "/subscribe/" + other
        pc.addTransceiver("audio", direction="recvonly")
        pc.addTransceiver("video", direction="recvonly")
        pc.on("track", lambda track: decoding.append(asyncio.ensure_future(decode(track))))
    only_h264(pc)
    connected = asyncio.Event()
    pc.on("connectionstatechange", lambda: pc.connectionState == "connected" and connected.set())

    async with websockets.connect(c["events_url"] + "/" + c["topic"], subprotocols=[token]) as socket:
        assert socket.subprotocol == token
        state = json.loads(await socket.recv())
        assert state["type"] == "STAGE_STATE" and state["payload"]["stageId"] == c["topic"], state
        for p in state["payload"]["participants"]:
            assert {"id", "userId", "attributes", "isPublishing"} <= p.keys(), p
        say("state", len(state["payload"]["participants"]))
        await socket.send(json.dumps({"type": "PING"}))
        while json.loads(await socket.recv())["type"] != "PONG":
            pass
        say("pong")
        location = await exchange(pc, url, token)
        await connected.wait()
        say("connected")
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.readline)
        await asyncio.gather(*decoding)
        status, _, _ = await loop.run_in_executor(None, request, "DELETE", location, token)
        assert status == 200, status
    await pc.close()
    say("done")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
