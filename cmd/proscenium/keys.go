package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/proscenium-live/proscenium/internal/access"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/node"
)

// records adds the settings that say where a server's records are, and opens them when the command runs.
type records struct {
	config *config.Config
	asIs   bool // leaves the schema as it is found
}

func newRecords(cmd *cobra.Command) records {
	r := records{config: config.New()}
	cmd.PersistentFlags().SortFlags = false
	r.config.AddFlagsOf(cmd.PersistentFlags(), "data_dir", "database")
	return r
}

// with runs do on the records. The server may run meanwhile.
func (r records) with(cmd *cobra.Command, do func(*node.Records) error) error {
	if err := r.config.Load(config.Sources{Env: os.LookupEnv, ReadFile: os.ReadFile}); err != nil {
		return err
	}
	kept, err := node.OpenRecords(cmd.Context(), node.RecordsOptions{Config: r.config, AsIs: r.asIs})
	if err != nil {
		return err
	}
	return errors.Join(do(kept), kept.Close())
}

func newKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Add, list and revoke access keys",
		Long: "Add, list and revoke access keys: pairs of access key id and secret that may do what their policies say.\n\n" +
			"The command works on the server's database, whether the server runs or not. A server that runs heeds a\n" +
			"change within two seconds. docs/access-keys.md says what policies may hold.",
		Args: cobra.NoArgs,
	}
	r := newRecords(cmd)
	cmd.AddCommand(newKeysAdd(r), newKeysList(r), newKeysRevoke(r))
	return cmd
}

func newKeysAdd(r records) *cobra.Command {
	var add access.Add
	var files []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add --name NAME --policy FILE",
		Short: "Add an access key and print its secret, once",
		Long: "Add an access key. It is printed in the form of the AWS tools' credentials files; the secret cannot be\n" +
			"shown again. A policy is an IAM policy document in a file, - is the standard input.",
		Example: "  proscenium keys add --name ci --policy blue-team.json >> ~/.aws/credentials",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range files {
				document, err := readPolicy(name, cmd.InOrStdin())
				if err != nil {
					return err
				}
				add.Policies = append(add.Policies, document)
			}
			return r.with(cmd, func(kept *node.Records) error {
				k, err := kept.Book.Add(cmd.Context(), add)
				if err != nil {
					return err
				}
				return printKey(cmd.OutOrStdout(), k, asJSON)
			})
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&add.Name, "name", "", "whom it is for: the user's name in ARNs and messages")
	flags.StringArrayVar(&files, "policy", nil, "file with a policy; may be repeated")
	flags.DurationVar(&add.Lives, "expires", 0, "make a temporary key with a session token, that ends after this time (up to 36h)")
	flags.BoolVar(&asJSON, "json", false, "print what AWS_CONFIG's credential_process expects")
	_ = cmd.MarkFlagRequired("name") // they exist
	_ = cmd.MarkFlagRequired("policy")
	return cmd
}

// readPolicy reads a little more than a policy may be long, so that one that is too long is refused as such.
func readPolicy(name string, in io.Reader) (string, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("--policy: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, access.MaxDocument+1))
	if err != nil {
		return "", fmt.Errorf("--policy %s: %w", name, err)
	}
	return string(data), nil
}

func printKey(out io.Writer, k access.NewKey, asJSON bool) error {
	if asJSON {
		process := map[string]any{"Version": 1, "AccessKeyId": k.ID, "SecretAccessKey": string(k.Secret)}
		if k.Token != "" {
			process["SessionToken"], process["Expiration"] = string(k.Token), k.ExpiresAt.Format(time.RFC3339)
		}
		return json.NewEncoder(out).Encode(process)
	}
	fmt.Fprintf(out, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", k.Name, k.ID, string(k.Secret))
	if k.Token != "" {
		fmt.Fprintf(out, "# good until %s\naws_session_token = %s\n", k.ExpiresAt.Format(time.RFC3339), string(k.Token))
	}
	return nil
}

func newKeysList(r records) *cobra.Command {
	var policies bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the access keys, without their secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.with(cmd, func(kept *node.Records) error {
				keys, err := kept.Book.List(cmd.Context())
				if err != nil {
					return err
				}
				return printKeys(cmd.OutOrStdout(), keys, policies)
			})
		},
	}
	cmd.Flags().BoolVar(&policies, "policies", false, "print each key's policies, too")
	return cmd
}

func printKeys(out io.Writer, keys []access.Key, policies bool) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "ACCESS KEY ID\tNAME\tCREATED\tEXPIRES\tPOLICIES")
	for _, k := range keys {
		expires := "never"
		if !k.ExpiresAt.IsZero() {
			expires = k.ExpiresAt.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\n", k.ID, k.Name, k.CreatedAt.Format(time.RFC3339), expires, len(k.Policies))
	}
	if err := table.Flush(); err != nil || !policies {
		return err
	}
	for _, k := range keys {
		for _, p := range k.Policies {
			fmt.Fprintf(out, "\n%s %s\n%s\n", k.ID, k.Name, strings.TrimSpace(p))
		}
	}
	return nil
}

func newKeysRevoke(r records) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ACCESS-KEY-ID...",
		Short: "Revoke access keys",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return r.with(cmd, func(kept *node.Records) error {
				var errs []error
				for _, id := range ids {
					errs = append(errs, kept.Book.Revoke(cmd.Context(), id))
				}
				return errors.Join(errs...)
			})
		},
	}
}
