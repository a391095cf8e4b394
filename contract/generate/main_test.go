package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// If this fails, run go generate ./... and look at the difference. Only commit it if you know what caused it.
func TestGenerated_IsWhatTheContractGives(t *testing.T) {
	dir := filepath.Join("..", "..", "internal", "wire", "realtime")
	files, err := generate(filepath.Join("..", "ivsrealtime.json"), filepath.Join("..", "patches.json"), "realtime")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the contract gives", name)
		}
	}
	generated, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
	if err != nil || len(generated) != len(files)-1 {
		t.Errorf("%v: a generated file that nothing generates (%v)", generated, err)
	}
}

func TestGenerate_ReadsTheSisterContractToo(t *testing.T) {
	if _, err := generate(filepath.Join("..", "ivs-channel.json"), filepath.Join("..", "patches.json"), "channel"); err != nil {
		t.Fatal(err)
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
	m, err := load(filepath.Join("..", "ivsrealtime.json"), filepath.Join("..", "patches.json"))
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
