package load

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestOptions_RefuseWhatWouldBeAnAttack(t *testing.T) {
	good := Options{Server: "http://127.0.0.1:7400", Publishers: 1, Viewers: 100, Bitrate: 1_500_000, Duration: time.Minute}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Options){
		"either a server": func(o *Options) { o.Spawn = "x" },
		"publishers":      func(o *Options) { o.Publishers = MaxPublishers + 1 },
		"viewers":         func(o *Options) { o.Viewers = MaxViewers + 1 },
		"bitrate":         func(o *Options) { o.Bitrate = MaxBitrate + 1 },
		"duration":        func(o *Options) { o.Duration = MaxDuration + 1 },
		"joins":           func(o *Options) { o.Joins, o.JoinRate = MaxJoins+1, 200 },
		"join rate":       func(o *Options) { o.Joins, o.JoinRate = 10, math.NaN() },
		"longer than":     func(o *Options) { o.Joins, o.JoinRate = 200, 1 },
		"settle":          func(o *Options) { o.Settle = time.Hour },
	} {
		o := good
		change(&o)
		if err := o.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
