package sdp

import (
	"slices"
	"strings"
	"testing"

	"github.com/proscenium-live/proscenium/internal/live"
)

// layered is a video section as a browser offers it with three encodings.
var layered = strings.NewReplacer("a=rtcp-mux\n", `a=rtcp-mux
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
`, "a=simulcast:send h;l\n", "a=rid:m send\na=simulcast:send l;m;h\n").Replace(video)

func layersOf(t *testing.T, text string) []string {
	t.Helper()
	sections, err := mustParse(t, join(head, text)).ForPublish()
	if err != nil {
		t.Fatal(err)
	}
	return sections[0].Layers
}

func TestForPublish_AcceptsLayersInTheOffersOrder(t *testing.T) {
	o := mustParse(t, join(head, layered))
	sections, err := o.ForPublish()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := answer(t, o, sections)
	has(t, text, "a=rid:l recv", "a=rid:m recv", "a=rid:h recv", "a=simulcast:recv l;m;h",
		"a=extmap:10 "+ExtRID, "a=extmap:11 "+ExtRepairedRID)

	sections[0].Layers = sections[0].Layers[:2]
	text, _ = answer(t, o, sections)
	has(t, text, "a=simulcast:recv l;m")
	hasNot(t, text, "a=rid:h")
}

func TestForPublish_AcceptsTheLayersOfOBS(t *testing.T) {
	o := mustParse(t, fixture(t, "obs_simulcast.sdp"))
	sections, err := o.ForPublish()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := answer(t, o, sections)
	has(t, text, "a=simulcast:recv 0;1;2", "a=extmap:2 "+ExtRID, "a=extmap:1 "+ExtMID)
}

func TestForPublish_TakesOnlyLayersThatCanCome(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"alternatives and pauses": {strings.Replace(layered, "send l;m;h", "send l,m;~h", 1), []string{"l", "h"}},
		"a last semicolon":        {strings.Replace(layered, "send l;m;h", "send l;h;", 1), []string{"l", "h"}},
		"both directions":         {strings.Replace(layered, "send l;m;h", "recv x send m;h", 1), []string{"m", "h"}},
		"only to receive":         {strings.Replace(layered, "send l;m;h", "recv l;m;h", 1), nil},
		"unknown rids":            {strings.Replace(layered, "send l;m;h", "send l;x", 1), []string{"l"}},
		"a rid to receive":        {strings.Replace(layered, "a=rid:m send", "a=rid:m recv", 1), []string{"l", "h"}},
		"another payload type":    {strings.Replace(layered, "a=rid:m send", "a=rid:m send pt=97;max-width=640", 1), []string{"l", "h"}},
		"this payload type":       {strings.Replace(layered, "a=rid:m send", "a=rid:m send max-width=640;pt=97,96", 1), []string{"l", "m", "h"}},
		"no extension":            {strings.Replace(layered, "rtp-stream-id", "x", 1), nil},
		"no simulcast attribute":  {strings.Replace(layered, "a=simulcast:send l;m;h\n", "", 1), nil},
	} {
		if got := layersOf(t, c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Row 14: what names layers is read strictly and within its caps.
func TestParseOffer_RefusesMalformedLayers_Row14(t *testing.T) {
	many := make([]string, maxRIDs+1)
	for i := range many {
		many[i] = string(rune('a' + i))
	}
	for name, text := range map[string]string{
		"an empty rid":         strings.Replace(layered, "a=rid:m send", "a=rid: send", 1),
		"a rid with a comma":   strings.Replace(layered, "a=rid:m send", "a=rid:m,n send", 1),
		"a rid with a quote":   strings.Replace(layered, "a=rid:m send", "a=rid:m\" send", 1),
		"a long rid":           strings.Replace(layered, "a=rid:m send", "a=rid:"+strings.Repeat("m", MaxRID+1)+" send", 1),
		"a rid twice":          strings.Replace(layered, "a=rid:m send", "a=rid:l send", 1),
		"two simulcasts":       layered + "a=simulcast:send l\n",
		"an empty simulcast":   strings.Replace(layered, "send l;m;h", "", 1),
		"no list":              strings.Replace(layered, "send l;m;h", "send", 1),
		"an odd list":          strings.Replace(layered, "send l;m;h", "send l recv", 1),
		"another direction":    strings.Replace(layered, "send l;m;h", "sendrecv l;m", 1),
		"an empty layer":       strings.Replace(layered, "send l;m;h", "send l;;h", 1),
		"a layer twice":        strings.Replace(layered, "send l;m;h", "send l;l", 1),
		"too many layers":      strings.Replace(layered, "send l;m;h", "send "+strings.Join(many, ";"), 1),
		"a rid with a newline": strings.Replace(layered, "send l;m;h", "send l;\tm", 1),
	} {
		if _, err := ParseOffer(join(head, text)); live.ReasonOf(err) != live.InvalidOffer {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzSimulcast(f *testing.F) {
	f.Add("l send", "send l;m;h")
	f.Add("h send pt=96,97;max-width=1280", "send ~l,m;h recv x")
	f.Add("0 recv", "recv 0;1;2;")
	f.Add("x", "send")
	f.Add("a b c d", "send a;a")
	f.Fuzz(func(t *testing.T, rid, simulcast string) {
		m := Media{Kind: Video}
		if m.readRID(rid) == nil {
			if len(m.RIDs) != 1 || !ValidRID(m.RIDs[0].ID) {
				t.Fatalf("%q gave %+v", rid, m.RIDs)
			}
		}
		if m.readSimulcast(simulcast) != nil {
			return
		}
		if len(m.Simulcast) > maxRIDs {
			t.Fatalf("%d layers", len(m.Simulcast))
		}
		s := Section{Offered: &m, Direction: RecvOnly, Codec: Codec{PayloadType: 96}, Extensions: []Extension{{ID: 10, URI: ExtRID}}}
		s.chooseLayers()
		seen := map[string]bool{}
		for _, id := range s.Layers {
			if !ValidRID(id) || seen[id] {
				t.Fatalf("layers %q of %q", s.Layers, simulcast)
			}
			seen[id] = true
		}
	})
}
