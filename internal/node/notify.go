package node

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/notify"
)

// openNotify opens what tells the outside. It wants the control plane open, and stops before it.
func (n *Node) openNotify(ctx context.Context) error {
	declared, err := notify.ParseDeclared(string(n.config.Events.Targets))
	if err != nil {
		return fmt.Errorf("events.targets: %w", err)
	}
	private := make([]netip.Prefix, len(n.config.Events.AllowPrivate))
	for i, text := range n.config.Events.AllowPrivate {
		private[i] = netip.MustParsePrefix(text) // config has checked it
	}
	n.notify, err = notify.Open(ctx, notify.Options{
		Store: n.store, Master: n.master, Home: live.Home{Region: n.config.Region, Account: n.config.AccountID},
		Added: n.control.Added(), Declared: declared, AllowPrivate: private, Keep: n.config.Events.Keep,
		Stdout: os.Stdout, Log: n.log,
	})
	if err != nil {
		return err
	}
	n.onClose("notify", n.notify.Close)
	n.add("notify", n.notify.Run)
	n.countEvents()
	for _, r := range n.notify.Routes() {
		n.operators.Add(admin.Endpoint{Pattern: r.Pattern, Action: r.Action, Serve: r.Serve})
	}
	return nil
}
