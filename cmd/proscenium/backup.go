package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/proscenium-live/proscenium/internal/node"
)

func newBackup() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the records to a file while the server serves",
		Long: "Copy the SQLite database to a file. The server may serve meanwhile, and calls do not wait. The copy is\n" +
			"one state of the records, checked, and on the disk when the command ends. A file that is there is not\n" +
			"overwritten. docs/backup.md says how to restore, and how to back up PostgreSQL.",
		Example: "  proscenium backup --data-dir /var/lib/proscenium /backup/proscenium-$(date +%F).db",
		Args:    cobra.ExactArgs(1),
	}
	r := newRecords(cmd)
	r.asIs = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.with(cmd, func(kept *node.Records) error {
			if kept.Path == "" {
				return errors.New("the records are in PostgreSQL: use pg_dump, see docs/backup.md")
			}
			size, err := kept.Store.Backup(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes. Keep a copy of %s with it, apart from the records.\n",
				args[0], size, kept.MasterKeyFile())
			return nil
		})
	}
	return cmd
}
