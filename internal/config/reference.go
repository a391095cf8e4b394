package config

import (
	"fmt"
	"strings"
)

// Reference returns docs/configuration.md: the page that describes every setting, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	group := ""
	for _, s := range New().settings {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n", s.Key, s.Doc)
		if s.from&fromFlag != 0 {
			fmt.Fprintf(&b, "- flag: `--%s` (%s)\n", s.Name(), s.value.kind)
		}
		if s.from&fromEnv != 0 {
			fmt.Fprintf(&b, "- environment: `%s`\n", s.Env())
		}
		if s.from == fromFile {
			fmt.Fprintf(&b, "- in the file only (%s)\n", s.value.kind)
		}
		if s.Derived != "" {
			fmt.Fprintf(&b, "- default: %s\n", s.Derived)
		} else {
			fmt.Fprintf(&b, "- default: `%s`\n", s.Default)
		}
	}
	b.WriteString(referenceTail)
	return b.String()
}

const referenceHead = "<!-- Code generated from internal/config by `make docs`; DO NOT EDIT. -->" + `

# Configuration

Every setting can be given in three ways that mean the same:

- as a flag of ` + "`proscenium serve`" + `: ` + "`--data-dir /var/lib/proscenium`" + `;
- in the environment: ` + "`PROSCENIUM_DATA_DIR=/var/lib/proscenium`" + `;
- in a YAML file that ` + "`--config`" + ` (or ` + "`PROSCENIUM_CONFIG`" + `) names: ` + "`data_dir: /var/lib/proscenium`" + `.

A flag wins over the environment, the environment over the file, the file over the default. A value that is
not allowed stops the start with a message that names the setting, the value, where it came from and what is
allowed; so does a key of the file that names no setting. A variable that begins with PROSCENIUM_ and names no
setting is warned of.

A dot in a setting's name is a level in the file. Lists are written with commas in flags and environment, and
in the file as YAML lists or with commas:

` + "```yaml" + `
http: 0.0.0.0:7400
media: 0.0.0.0:7401
public_url: https://live.example.org
media_address: [203.0.113.7]
log:
  level: info
  format: json
quotas:
  profile: aws
  stages: 5000
  rates: {CreateStage: 20}
` + "```" + `
`

const referenceTail = `
## Root credentials

The server has one pair of root credentials, with which every call is allowed. Keys that may do less:
[access-keys.md](access-keys.md).

| given | listeners | what happens |
|---|---|---|
| ` + "`access_key_id` and `secret_access_key`" + ` | any | they are used |
| nothing | all on loopback | ` + "`test` / `test`" + `, with a warning in the log |
| nothing | at least one is not on loopback | a random pair is made once and kept in the data dir, in ` + "`root-credentials`" + ` with mode 0600; its path is printed at each start |

## What the data dir holds

| name | what |
|---|---|
| ` + "`lock`" + ` | held by the running server, with its process id |
| ` + "`root-credentials`" + ` | the pair above, if it was made |
| ` + "`access-master-key`" + ` | encrypts the secrets of access keys, if ` + "`access_master_key`" + ` does not say another; without it they are lost |
| ` + "`certificates/`" + ` | what ` + "`tls_domain`" + ` got, and the account at the ACME server |
| ` + "`buckets/`" + ` | buckets that are folders |
| ` + "`proscenium.db*`" + ` | the records, unless ` + "`database`" + ` names a PostgreSQL: resources, history, access keys, and the key that signs tokens |
| ` + "`node-id`" + ` | the name of this server, made once |
| ` + "`buckets/BUCKET/`" + ` | a folder for each bucket, once something is recorded (not in this version) |

Copy it while the server is stopped, and the copy is a backup; [backup.md](backup.md) says how to make one while it serves.
`
