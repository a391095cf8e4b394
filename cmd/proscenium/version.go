package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version and commit are set by the linker (make build); without them what Go knows of the build is told.
var version, commit string

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go version it was built with",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), versionLine())
		},
	}
}

func versionLine() string {
	built, module := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		module = info.Main.Version
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				built = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				built += " (modified)"
			}
		}
	}
	return fmt.Sprintf("proscenium %s, commit %s, %s %s/%s",
		cmp.Or(version, module, "dev"), cmp.Or(commit, built), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
