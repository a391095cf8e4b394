package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestJavaScriptSDKs_DriveTheServer(t *testing.T) {
	if _, err := os.Stat(filepath.Join("js", "node_modules", "aws-sdk")); err != nil {
		t.Fatal("the JavaScript SDKs are not installed: run make test, or npm ci in test/conformance/js")
	}
	node := exec.CommandContext(t.Context(), "node", "--test")
	node.Dir = "js"
	node.Env = append(os.Environ(), "ENDPOINT="+newServer(t), "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1", "NODE_NO_WARNINGS=1")
	out, err := node.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}
