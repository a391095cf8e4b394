package load

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The floor is measured by a process of its own: under test, that is this program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == FloorArg {
		if err := RunFloor(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
