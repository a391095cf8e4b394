#!/usr/bin/python3
"""A WHIP client on GStreamer's webrtcbin: publishes a fixed number of test frames and says when it is done.

Debian 12 has no whipclientsink, so the HTTP exchange (RFC 9725) is done here; encoding, packetizing, ICE, DTLS
and SRTP are GStreamer's own.

    whip_gst.py URL TOKEN FRAMES ENCODER

Prints, a line each: "connected", "frames N" when the last frame has left the encoder, "done" when the session was
deleted. One frame goes out at once, for webrtcbin negotiates only what it has seen (as many as the encoder needs to
make one); the others wait for a line on standard input. Another line ends it.
"""

import sys
import threading
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

RATE = 30
H264 = "h264parse ! rtph264pay config-interval=-1 mtu=1200 aggregate-mode=zero-latency"
ENCODERS = {
    "x264": "x264enc tune=zerolatency speed-preset=ultrafast bitrate=1000 key-int-max=30 bframes=0 ! "
    "video/x-h264,profile=constrained-baseline",
    "openh264": "openh264enc bitrate=1000000 gop-size=30 complexity=low ! video/x-h264,profile=constrained-baseline",
    "x264-bframes": "x264enc bframes=2 b-adapt=false speed-preset=ultrafast bitrate=1000 key-int-max=30 ! "
    "video/x-h264,profile=main",
    "vp8": "vp8enc deadline=1 cpu-used=8 target-bitrate=1000000 keyframe-max-dist=30",
    "vp9": "vp9enc deadline=1 cpu-used=8 lag-in-frames=0 target-bitrate=1000000 keyframe-max-dist=30",
    "x265": "x265enc tune=zerolatency speed-preset=ultrafast bitrate=1000 key-int-max=30 "
    "option-string=open-gop=0:repeat-headers=1",
}
PAYLOADERS = {
    "x264": ("H264", H264),
    "openh264": ("H264", H264),
    "x264-bframes": ("H264", H264),
    "vp8": ("VP8", "rtpvp8pay picture-id-mode=2 mtu=1200"),
    "vp9": ("VP9", "rtpvp9pay mtu=1200"),
    "x265": ("H265", "h265parse ! rtph265pay mtu=1200"),
}


def say(*words):
    print(*words, flush=True)


class Publisher:
    def __init__(self, url, token, frames, encoder):
        self.url, self.token, self.frames = url, token, frames
        self.location = None
        self.failed = None
        self.sent = 0
        self.loop = GLib.MainLoop()
        self.go = False
        self.first = 30 if encoder == "x264-bframes" else 1  # it looks ahead
        name, pay = PAYLOADERS[encoder]
        self.pipe = Gst.parse_launch(
            f"webrtcbin name=peer bundle-policy=max-bundle latency=0 "
            f"videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate={RATE}/1 ! "
            f"identity name=raw ! queue ! videoconvert ! {ENCODERS[encoder]} ! identity name=encoded ! "
            f"{pay} ! application/x-rtp,media=video,encoding-name={name},payload=96,clock-rate=90000 ! peer. "
            "audiotestsrc is-live=true wave=sine freq=440 volume=0.1 ! audioconvert ! audioresample ! "
            "audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay ! "
            "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000 ! peer."
        )
        self.peer = self.pipe.get_by_name("peer")
        self.encoded = self.pipe.get_by_name("encoded")
        self.encoded.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self.on_encoded)
        self.raw = 0
        self.pipe.get_by_name("raw").get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self.on_raw)
        for transceiver in (self.peer.emit("get-transceiver", i) for i in range(2)):
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
            transceiver.set_property("do-nack", True)
        self.peer.connect("on-negotiation-needed", self.on_negotiation_needed)
        self.peer.connect("notify::ice-gathering-state", self.on_gathering)
        self.peer.connect("notify::connection-state", self.on_connection)
        bus = self.pipe.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)
        self.offered = False

    def fail(self, why):
        self.failed = self.failed or why
        GLib.idle_add(self.loop.quit)

    def on_error(self, _bus, message):
        self.fail(str(message.parse_error()))

    def on_raw(self, _pad, _info):
        # Exactly so many frames go into the encoder.
        if self.raw == self.frames or (self.raw == self.first and not self.go):
            return Gst.PadProbeReturn.DROP
        self.raw += 1
        return Gst.PadProbeReturn.OK

    def on_encoded(self, _pad, _info):
        self.sent += 1
        if self.sent == self.frames:
            say("frames", self.sent)
        return Gst.PadProbeReturn.OK

    def on_negotiation_needed(self, peer):
        peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer, None))

    def on_offer(self, promise, _):
        promise.wait()
        reply = promise.get_reply()  # owns the offer: it has to live until the offer is set
        offer = reply.get_value("offer")
        self.peer.emit("set-local-description", offer, Gst.Promise.new())

    def on_gathering(self, peer, _):
        done = peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE
        if done and not self.offered:
            self.offered = True
            threading.Thread(target=self.exchange, daemon=True).start()

    def exchange(self):
        try:
            offer = self.peer.get_property("local-description").sdp.as_text()
            answer = self.post(offer)
            _, sdp = GstSdp.SDPMessage.new_from_text(answer)
            description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
            self.peer.emit("set-remote-description", description, Gst.Promise.new())
        except Exception as e:  # whatever went wrong, the test must hear of it
            self.fail(f"exchange: {e!r} {getattr(e, 'read', lambda: b'')()!r}")

    def post(self, offer):
        request = urllib.request.Request(self.url, data=offer.encode(), method="POST")
        request.add_header("Content-Type", "application/sdp")
        request.add_header("Authorization", "Bearer " + self.token)
        with urllib.request.urlopen(request, timeout=10) as response:
            if response.status != 201:
                raise RuntimeError(f"status {response.status}")
            self.location = urllib.parse.urljoin(self.url, response.headers["Location"])
            return response.read().decode()

    def on_connection(self, peer, _):
        state = peer.get_property("connection-state")
        if state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            say("connected")
            threading.Thread(target=self.obey, daemon=True).start()
        elif state == GstWebRTC.WebRTCPeerConnectionState.FAILED:
            self.fail("connection failed")

    def obey(self):
        sys.stdin.readline()
        self.go = True
        sys.stdin.readline()
        GLib.idle_add(self.loop.quit)

    def end(self):
        if self.location:
            request = urllib.request.Request(self.location, method="DELETE")
            request.add_header("Authorization", "Bearer " + self.token)
            urllib.request.urlopen(request, timeout=10).close()
        self.pipe.set_state(Gst.State.NULL)

    def run(self):
        self.pipe.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.end()
        if self.failed:
            sys.exit(self.failed)
        say("done")


if __name__ == "__main__":
    Gst.init(None)
    Publisher(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]).run()
