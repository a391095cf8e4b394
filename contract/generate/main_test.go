package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// If this fails, run go generate ./... and look at the difference. Only commit it if you know what caused it.
func TestGenerated_IsWhatTheContractGives(t *testing.T) {
	for model, pkg := range map[string]string{"ivsrealtime.json": "realtime", "ivs-channel.json": "channel"} {
		dir := filepath.Join("..", "..", "internal", "wire", pkg)
		files, err := generate(filepath.Join("..", model), filepath.Join("..", "patches.json"), pkg)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s/%s is not what the contract gives", pkg, name)
			}
		}
		generated, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
		if err != nil || len(generated) != len(files)-1 {
			t.Errorf("%v: a generated file that nothing generates (%v)", generated, err)
		}
	}
}

// As above.
func TestCases_AreWhatTheContractGives(t *testing.T) {
	for model, api := range map[string]string{"ivsrealtime.json": "realtime", "ivs-channel.json": "channel"} {
		want, err := conformanceCases(filepath.Join("..", model), filepath.Join("..", "patches.json"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "..", "test", "conformance", "kit", "cases", "contract-"+api+".jsonl"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("the conformance kit's cases of %s are not what the contract gives (%v)", model, err)
		}
	}
}

func TestPatches_NeedReasons(t *testing.T) {
	patch := filepath.Join(t.TempDir(), "patches.json")
	text := `{"ivsrealtime.json":{"shapes":[{"shape":"TagKey","set":{"max":1}}]}}`
	if err := os.WriteFile(patch, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(filepath.Join("..", "ivsrealtime.json"), patch); err == nil {
		t.Error("a patch without a reason was applied")
	}
}

func TestSample_FitsItsPattern(t *testing.T) {
	for _, model := range []string{"ivsrealtime.json", "ivs-channel.json"} {
		m, err := load(filepath.Join("..", model), filepath.Join("..", "patches.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range m.Shapes.names {
			if s := m.Shapes.of[name]; s.Pattern != "" {
				for _, n := range []int{0, least(s), least(s) + 1, 200} {
					if v := sample(s, n); !matches(s, v) {
						t.Errorf("%s: %q does not match %s", name, v, s.Pattern)
					}
				}
			}
		}
	}
}
