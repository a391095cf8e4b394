// Command proscenium is the server: a stage that browsers, encoders and AWS SDKs find where they expect it.
//
// Each subcommand has a file of its own. What a server is made of is in internal/node.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	if err := newCommand(os.Stdout, os.Stderr).Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "proscenium: %v\n", err)
		os.Exit(1)
	}
}

func newCommand(out, errOut io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "proscenium",
		Short: "A real-time stage server that speaks the Amazon IVS Real-Time API",
		Long: "Proscenium is a real-time stage server: participants publish and subscribe by WebRTC, and the AWS SDKs\n" +
			"for IVS Real-Time drive it unchanged. `proscenium serve` starts it.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.SetOut(out)
	root.SetErr(errOut)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newServe(), newToken(), newKeys(), newBackup(), newTargets(), newEvents(), newDoctor(), newVersion())
	return root
}
