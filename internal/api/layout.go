package api

import (
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// layoutFrom fills what the request leaves out with the defaults (control-plane.md 1.13).
func layoutFrom(in *realtime.LayoutConfiguration) (live.Layout, error) {
	switch {
	case in == nil || in.Grid == nil && in.Pip == nil:
		return live.Layout{Grid: new(live.DefaultGrid())}, nil
	case in.Grid != nil && in.Pip != nil:
		return live.Layout{}, live.Errorf(live.Invalid, "a layout has one of grid and pip")
	case in.Grid != nil:
		return live.Layout{Grid: gridFrom(in.Grid)}, nil
	default:
		return live.Layout{PiP: pipFrom(in.Pip)}, nil
	}
}

func gridFrom(in *realtime.GridConfiguration) *live.Grid {
	g := live.DefaultGrid()
	set(&g.FeaturedAttribute, in.FeaturedParticipantAttribute)
	set(&g.OrderAttribute, in.ParticipantOrderAttribute)
	set(&g.OmitStoppedVideo, in.OmitStoppedVideo)
	set(&g.AspectRatio, text[string](in.VideoAspectRatio))
	set(&g.FillMode, text[string](in.VideoFillMode))
	setPixels(&g.Gap, in.GridGap)
	return &g
}

func pipFrom(in *realtime.PipConfiguration) *live.PiP {
	p := live.DefaultPiP()
	set(&p.FeaturedAttribute, in.FeaturedParticipantAttribute)
	set(&p.OrderAttribute, in.ParticipantOrderAttribute)
	set(&p.OmitStoppedVideo, in.OmitStoppedVideo)
	set(&p.FillMode, text[string](in.VideoFillMode))
	setPixels(&p.Gap, in.GridGap)
	set(&p.WindowAttribute, in.PipParticipantAttribute)
	set(&p.Behavior, text[string](in.PipBehavior))
	setPixels(&p.Offset, in.PipOffset)
	set(&p.Position, text[string](in.PipPosition))
	setPixels(&p.Width, in.PipWidth)
	setPixels(&p.Height, in.PipHeight)
	return &p
}

// set puts in what is given.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func setPixels(to *int, from *int32) {
	if from != nil {
		*to = int(*from)
	}
}

// layoutTo echoes a layout in full; a window's size is told when it was set.
func layoutTo(l live.Layout) *realtime.LayoutConfiguration {
	out := &realtime.LayoutConfiguration{}
	if g := l.Grid; g != nil {
		out.Grid = &realtime.GridConfiguration{
			FeaturedParticipantAttribute: &g.FeaturedAttribute,
			OmitStoppedVideo:             &g.OmitStoppedVideo,
			VideoAspectRatio:             new(realtime.VideoAspectRatio(g.AspectRatio)),
			VideoFillMode:                new(realtime.VideoFillMode(g.FillMode)),
			GridGap:                      pixels(g.Gap),
			ParticipantOrderAttribute:    &g.OrderAttribute,
		}
	}
	if p := l.PiP; p != nil {
		out.Pip = &realtime.PipConfiguration{
			FeaturedParticipantAttribute: &p.FeaturedAttribute,
			OmitStoppedVideo:             &p.OmitStoppedVideo,
			VideoFillMode:                new(realtime.VideoFillMode(p.FillMode)),
			GridGap:                      pixels(p.Gap),
			PipParticipantAttribute:      &p.WindowAttribute,
			PipBehavior:                  new(realtime.PipBehavior(p.Behavior)),
			PipOffset:                    pixels(p.Offset),
			PipPosition:                  new(realtime.PipPosition(p.Position)),
			PipWidth:                     given(*pixels(p.Width)),
			PipHeight:                    given(*pixels(p.Height)),
			ParticipantOrderAttribute:    &p.OrderAttribute,
		}
	}
	return out
}

func pixels(n int) *int32 { return new(int32(n)) }
