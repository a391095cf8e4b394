//go:build !linux

package load

import (
	"context"
	"errors"
	"runtime"
)

// FloorArg is the argument that makes proscenium-load the process that measures the floor.
const FloorArg = "measure-floor"

const gcmTag = 16

var errLinux = errors.New("proscenium-load reads /proc and pins processes: it runs on Linux only")

// Floor is the floor of the measurement; see floor_linux.go.
type Floor struct {
	Size           int
	PerMillion     float64
	DeliveredShare float64
}

// RunSoak refuses: this is not Linux.
func RunSoak(context.Context, SoakOptions) (*Soak, error) { return nil, errLinux }

func machine() string { return runtime.GOOS + "/" + runtime.GOARCH }

// Run refuses: this is not Linux.
func Run(context.Context, Options) (*Report, error) { return nil, errLinux }

// RunFloor refuses: this is not Linux.
func RunFloor([]string) error { return errLinux }
