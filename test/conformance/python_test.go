package conformance_test

import (
	"os"
	"os/exec"
	"testing"
)

// Python's SDK is not set up by make test, because only its own package manager has it; where it is installed
// it has to work.
func TestPythonSDK_DrivesTheServer(t *testing.T) {
	probe := exec.CommandContext(t.Context(), "python3", "-c", "import botocore.session as s; s.get_session().get_service_model('ivs-realtime')")
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("no Python with a botocore that knows ivs-realtime (optional; pip install botocore): %v %.200s", err, out)
	}
	python := exec.CommandContext(t.Context(), "python3", "-B", "python/flow.py")
	python.Env = append(os.Environ(), "ENDPOINT="+newServer(t))
	if out, err := python.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
