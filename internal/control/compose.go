package control

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/proscenium-live/proscenium/internal/live"
)

// Limits of a composition's request (control-plane.md 1.11).
const (
	maxDestinations   = 2
	maxIdempotency    = 64
	minSegment        = 2 * time.Second
	maxSegment        = 10 * time.Second
	defaultSegment    = 2 * time.Second
	defaultThumbnail  = 60 * time.Second
	maxThumbnail      = 24 * time.Hour
	maxThumbnailKinds = 2
)

// newComposition checks the request and fills in the defaults.
func (c *Compositions) newComposition(r StartComposition) (live.Composition, error) {
	none := live.Composition{}
	if err := c.stageARN(r.Stage); err != nil {
		return none, err
	}
	base, err := c.newResource(live.TypeComposition, "", r.Tags)
	if err != nil {
		return none, err
	}
	if err := checkIdempotency(r.Idempotency); err != nil {
		return none, err
	}
	layout, err := checkLayout(r.Layout)
	if err != nil {
		return none, err
	}
	if n := len(r.Destinations); n < 1 || n > maxDestinations {
		return none, live.Errorf(live.Invalid, "destinations has %d entries, allowed are 1 to %d", n, maxDestinations)
	}
	fresh := live.Composition{
		Resource: base, Stage: r.Stage, State: live.CompositionStarting, Layout: layout, StartedAt: base.CreatedAt,
	}
	channels, buckets := 0, 0
	for _, asked := range r.Destinations {
		d, err := c.newDestination(asked)
		if err != nil {
			return none, err
		}
		if d.Channel != nil {
			channels++
		} else {
			buckets++
			d.RecordingPrefix = r.Stage.ID + "/" + base.ARN.ID + "/" + d.ID + "/composite"
		}
		fresh.Destinations = append(fresh.Destinations, d)
	}
	if channels > 1 || buckets > 1 {
		return none, live.Errorf(live.Invalid, "destinations may hold one channel, one s3, or one of each")
	}
	return fresh, nil
}

func checkIdempotency(token string) error {
	if len(token) > maxIdempotency {
		return live.Errorf(live.Invalid, "idempotencyToken is %d characters long, the limit is %d", len(token), maxIdempotency)
	}
	for _, r := range token {
		if !isNameRune(r) {
			return live.Errorf(live.Invalid, "idempotencyToken holds %q, allowed are letters, digits, - and _", r)
		}
	}
	return nil
}

// checkLayout returns the layout in full.
func checkLayout(l live.Layout) (live.Layout, error) {
	switch {
	case l.Grid != nil && l.PiP != nil:
		return l, live.Errorf(live.Invalid, "layout has both grid and pip, only one is allowed")
	case l.PiP != nil:
		pip := *l.PiP
		return live.Layout{PiP: &pip}, checkPiP(pip)
	case l.Grid != nil:
		grid := *l.Grid
		return live.Layout{Grid: &grid}, checkGrid(grid)
	}
	grid := live.DefaultGrid()
	return live.Layout{Grid: &grid}, nil
}

func checkGrid(g live.Grid) error {
	if g.Gap < 0 {
		return live.Errorf(live.Invalid, "layout.grid.gridGap is %d, allowed are 0 and more", g.Gap)
	}
	return checkAttributeNames("layout.grid", g.FeaturedAttribute, g.OrderAttribute)
}

func checkPiP(p live.PiP) error {
	switch {
	case p.Gap < 0:
		return live.Errorf(live.Invalid, "layout.pip.gridGap is %d, allowed are 0 and more", p.Gap)
	case p.Offset < 0:
		return live.Errorf(live.Invalid, "layout.pip.pipOffset is %d, allowed are 0 and more", p.Offset)
	case p.Width < 0 || p.Height < 0:
		return live.Errorf(live.Invalid, "layout.pip is %dx%d, allowed are 1 and more", p.Width, p.Height)
	}
	return checkAttributeNames("layout.pip", p.FeaturedAttribute, p.OrderAttribute, p.WindowAttribute)
}

func checkAttributeNames(of string, names ...string) error {
	for _, name := range names {
		if err := checkName(name); err != nil {
			return live.Errorf(live.Invalid, "%s names an attribute %s that cannot be: %v", of, shown(name), err)
		}
	}
	return nil
}

// shown quotes a foreign text for a message, cut to a sensible length.
func shown(text string) string {
	const most = 40
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic("control: a text cannot be quoted: " + err.Error())
	}
	return string(quoted)
}

// newDestination checks where a composition is to go and fills in the defaults.
func (c *Compositions) newDestination(d Destination) (live.Destination, error) {
	fresh := live.Destination{ID: live.NewResourceID(), Name: d.Name, State: live.CompositionStarting}
	if err := checkName(d.Name); err != nil {
		return fresh, err
	}
	if (d.Channel == nil) == (d.S3 == nil) {
		return fresh, live.Errorf(live.Invalid, "each of destinations has exactly one of channel and s3")
	}
	if d.Channel != nil {
		out := *d.Channel
		fresh.Channel = &out
		return fresh, c.checkChannelOutput(out)
	}
	out, err := c.s3Output(*d.S3)
	fresh.S3 = &out
	return fresh, err
}

func (c *core) checkChannelOutput(out live.ChannelOutput) error {
	if err := c.home.Check(out.Channel, live.TypeChannel); err != nil {
		return err
	}
	if out.Encoder == (live.ARN{}) {
		return nil
	}
	return c.home.Check(out.Encoder, live.TypeEncoderConfiguration)
}

func (c *core) s3Output(out live.S3Output) (live.S3Output, error) {
	if err := c.home.Check(out.Storage, live.TypeStorageConfiguration); err != nil {
		return out, err
	}
	if n := len(out.Encoders); n != 1 {
		return out, live.Errorf(live.Invalid, "encoderConfigurationArns has %d entries, exactly 1 is allowed", n)
	}
	if err := c.home.Check(out.Encoders[0], live.TypeEncoderConfiguration); err != nil {
		return out, err
	}
	out.Encoders = slices.Clone(out.Encoders)
	if out.Format == "" {
		out.Format = "HLS"
	}
	if out.SegmentTarget == 0 {
		out.SegmentTarget = defaultSegment
	}
	if out.SegmentTarget < minSegment || out.SegmentTarget > maxSegment {
		return out, live.Errorf(live.Invalid, "targetSegmentDurationSeconds is %v, allowed are 2 to 10", out.SegmentTarget.Seconds())
	}
	if n := len(out.Thumbnails); n > 1 {
		return out, live.Errorf(live.Invalid, "thumbnailConfigurations has %d entries, 1 is allowed", n)
	}
	out.Thumbnails = slices.Clone(out.Thumbnails)
	for i := range out.Thumbnails {
		if err := orDefaultThumbnails(&out.Thumbnails[i]); err != nil {
			return out, err
		}
	}
	return out, nil
}

func orDefaultThumbnails(t *live.Thumbnails) error {
	if t.Every == 0 {
		t.Every = defaultThumbnail
	}
	if len(t.Store) == 0 {
		t.Store = []string{"SEQUENTIAL"}
	}
	if t.Every < time.Second || t.Every > maxThumbnail {
		return live.Errorf(live.Invalid, "targetIntervalSeconds is %v, allowed are 1 to 86400", t.Every.Seconds())
	}
	if n := len(t.Store); n > maxThumbnailKinds {
		return live.Errorf(live.Invalid, "thumbnail storage has %d entries, the limit is %d", n, maxThumbnailKinds)
	}
	return nil
}

// digest stands for the parameters of a request, its token left out.
func digest(r StartComposition) string {
	r.Idempotency = ""
	if len(r.Tags) == 0 {
		r.Tags = nil
	}
	text, err := json.Marshal(r) // maps are written in order
	if err != nil {
		panic("control: a request cannot be written: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
