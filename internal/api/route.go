package api

import (
	"slices"
	"strings"

	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire"
	"github.com/proscenium-live/proscenium/internal/wire/channel"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// operation is a row of one of the contracts' tables, tied to what serves it.
type operation = wire.Operation[wire.None]

// routes finds operations of both contracts. Their paths differ, but for those of the tag operations.
type routes struct {
	realtime *wire.Table[wire.None]
	channel  *wire.Table[wire.None]
}

func newRoutes(parts Parts) routes {
	return routes{
		realtime: wire.NewTable(wire.Bind[realtime.Operations](realtime.Table(), &service{parts})),
		channel:  wire.NewTable(wire.Bind[channel.Operations](channel.Table(), &channelService{Parts: parts})),
	}
}

// channelTypes are the resources of the channel contract.
var channelTypes = []live.ResourceType{
	live.TypeChannel, live.TypeStreamKey, "playback-key",
	live.TypeRecordingConfiguration, live.TypePlaybackRestrictionPolicy, live.TypeAdConfiguration,
}

// find returns the operation of a method and a path as it came, nil if there is none. A label names a resource,
// whose type says which contract is meant; what is no ARN is left to the Real-Time contract to refuse.
func (r routes) find(method, path string) (*operation, string) {
	op, label := r.realtime.Find(method, path)
	if op == nil {
		return r.channel.Find(method, path)
	}
	if label == "" {
		return op, label
	}
	if slices.Contains(channelTypes, typeIn(label)) {
		return r.channel.Find(method, path)
	}
	return op, label
}

// typeIn returns the resource type that a text names in an ARN's place for it, whatever else is wrong with it.
func typeIn(text string) live.ResourceType {
	parts := strings.SplitN(text, ":", 6)
	kind, _, _ := strings.Cut(parts[len(parts)-1], "/")
	return live.ResourceType(kind)
}

// methods returns the methods that a path has operations for.
func (r routes) methods(path string) []string {
	if methods := r.realtime.Methods(path); methods != nil {
		return methods
	}
	return r.channel.Methods(path)
}
