package main

import (
	"strings"
	"testing"
)

func TestParseBitrate_TakesThousandsAndMillions(t *testing.T) {
	for text, want := range map[string]int{"1500000": 1_500_000, "800k": 800_000, "1.5M": 1_500_000} {
		if got, err := parseBitrate(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "M", "-1M", "9M", "1G", "NaN", "+InfM", "1e99"} {
		if got, err := parseBitrate(text); err == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
	}
}

func TestRun_SaysWhatIsWrongWithItsFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"needed, not both": {},
		"publishers":       {"--server", "http://127.0.0.1:1", "--publishers", "99"},
		"unknown flag":     {"--sever", "x"},
		"joins":            {"--server", "http://127.0.0.1:1", "--joins", "99999"},
		"join rate":        {"--server", "http://127.0.0.1:1", "--joins", "9", "--join-rate", "fast"},
		"bitrate":          {"--server", "http://127.0.0.1:1", "--bitrate", "x"},
	} {
		var out, errs strings.Builder
		if err := run(t.Context(), args, &out, &errs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want a word on %q", args, err, want)
		}
	}
	var help strings.Builder
	if err := run(t.Context(), []string{"--help"}, &help, &help); err != nil || !strings.Contains(help.String(), "--spawn") {
		t.Errorf("help: %v, %s", err, help.String())
	}
}
