package node

import (
	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/host"
	"github.com/proscenium-live/proscenium/internal/media"
)

// quality is one figure of CloudWatch's table (docs/metrics.md): told as its average, its least and its greatest, so
// that it makes as many series for a million participants as for one.
type quality struct {
	name, help string
	spread     func(host.Quality) host.Spread
	rates      func(host.Quality) host.Rates          // instead of spread: by kind of media
	platform   func(host.PlatformQuality) host.Spread // instead of spread: by platform
	layer      func(host.LayerQuality) host.Spread    // instead of spread: by simulcast layer
}

var qualities = []quality{
	{name: "stage_publishers", help: "Publishers of a stage.", spread: func(q host.Quality) host.Spread { return q.StagePublishers }},
	{name: "stage_subscribers", help: "Subscribers of a stage.", spread: func(q host.Quality) host.Spread { return q.StageSubscribers }},
	{name: "download_packet_loss_ratio", help: "Share of packets that a subscriber lost.", spread: func(q host.Quality) host.Spread { return q.DownloadLoss }},
	{name: "dropped_frames_ratio", help: "Share of frames that a subscriber's player dropped, by its own word.", spread: func(q host.Quality) host.Spread { return q.DroppedFrames }},
	{name: "round_trip_seconds", help: "Round trip to a subscriber.", spread: func(q host.Quality) host.Spread { return q.RoundTrip }},
	{name: "publish_framerate", help: "Frames per second that a publisher sends.", spread: func(q host.Quality) host.Spread { return q.FrameRate }},
	{name: "publish_resolution_pixels", help: "Shorter edge of the picture that a publisher sends.", spread: func(q host.Quality) host.Spread { return q.Resolution }},
	{name: "publish_bitrate_bits_per_second", help: "Payload that a publisher sends.", rates: func(q host.Quality) host.Rates { return q.PublishBitrate }},
	{name: "subscribe_bitrate_bits_per_second", help: "Payload that a subscriber is sent, over all its subscriptions.", rates: func(q host.Quality) host.Rates { return q.SubscribeBitrate }},
	{name: "platform_publish_bitrate_bits_per_second", help: "Payload that a publisher on the platform sends.", platform: func(q host.PlatformQuality) host.Spread { return q.PublishBitrate }},
	{name: "platform_subscribe_bitrate_bits_per_second", help: "Payload that a subscriber on the platform is sent.", platform: func(q host.PlatformQuality) host.Spread { return q.SubscribeBitrate }},
	{name: "platform_download_packet_loss_ratio", help: "Share of packets that a subscriber on the platform lost.", platform: func(q host.PlatformQuality) host.Spread { return q.DownloadLoss }},
	{name: "platform_dropped_frames_ratio", help: "Share of frames that a player on the platform dropped, by its own word.", platform: func(q host.PlatformQuality) host.Spread { return q.DroppedFrames }},
	{name: "layer_publish_bitrate_bits_per_second", help: "What a publisher that sends layers sends in the layer.", layer: func(q host.LayerQuality) host.Spread { return q.Bitrate }},
	{name: "layer_publish_resolution_pixels", help: "Shorter edge of the picture in the layer.", layer: func(q host.LayerQuality) host.Spread { return q.Resolution }},
}

// mediaTypes are the values of the label media_type.
var mediaTypes = map[media.Kind]string{host.AllKinds: "all", media.Audio: "audio", media.Video: "video"}

// countQuality has the figures of the last sample read at each scrape. A figure that nobody has is left out.
func (n *Node) countQuality() {
	for _, f := range qualities {
		family := admin.Family{Name: f.name, Help: f.help + " As of the last sample; 0 to many have it.", Labels: []string{"stat"}, Gauge: true}
		switch {
		case f.platform != nil:
			family.Labels = []string{"stat", "platform"}
			family.Read = func(tell func(float64, ...string)) {
				q := n.media.host.Quality()
				for _, p := range host.Platforms() {
					tellSpread(tell, f.platform(q.Platforms[p]), p.String())
				}
			}
		case f.layer != nil:
			family.Labels = []string{"stat", "layer"}
			family.Read = func(tell func(float64, ...string)) {
				q := n.media.host.Quality()
				for _, l := range host.LayerNames() {
					tellSpread(tell, f.layer(q.Layers[l]), l.String())
				}
			}
		case f.rates == nil:
			family.Read = func(tell func(float64, ...string)) { tellSpread(tell, f.spread(n.media.host.Quality())) }
		default:
			family.Labels = []string{"stat", "media_type"}
			family.Read = func(tell func(float64, ...string)) {
				rates := f.rates(n.media.host.Quality())
				for kind, name := range mediaTypes {
					tellSpread(tell, rates[kind], name)
				}
			}
		}
		n.metrics.AddFamily(family)
	}
}

func tellSpread(tell func(float64, ...string), s host.Spread, labels ...string) {
	if s.Count == 0 {
		return
	}
	tell(s.Average(), append([]string{"average"}, labels...)...)
	tell(s.Max, append([]string{"maximum"}, labels...)...)
	tell(s.Min, append([]string{"minimum"}, labels...)...)
}

// countQueues tells what waits, and where.
func (n *Node) countQueues() {
	n.metrics.Add(admin.Number{
		Name: "queue_depth", Label: "queue", Gauge: true,
		Help: "What waits: facts for the control plane, forwarding work for the workers.",
		Read: func() map[string]float64 {
			return map[string]float64{
				"facts": float64(n.media.host.Stats().Facts), "forwarding": float64(n.media.engine.Stats().Waiting),
			}
		},
	})
}
