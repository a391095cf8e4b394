package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"

	"github.com/proscenium-live/proscenium/internal/admin"
	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
)

// roles are what a node may take on, in the order in which they open. The compositor has no work in this
// version: the role is accepted, so that a configuration made today stays valid.
var roles = []struct {
	name config.Role
	open func(*Node, context.Context) error
}{
	{config.RoleAPI, (*Node).openControl},
	{config.RoleMedia, (*Node).openMedia},
}

func (n *Node) openRoles(ctx context.Context) error {
	if !n.config.HasRole(config.RoleAPI) {
		return errors.New("roles: a node without the role api needs a cluster, which this version does not have")
	}
	for _, r := range roles {
		if n.config.HasRole(r.name) {
			if err := r.open(n, ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *Node) openControl(ctx context.Context) error {
	told, err := n.tellAddresses()
	if err != nil {
		return err
	}
	n.control, err = control.Open(ctx, control.Options{
		Store: n.store, Bus: n.bus, Node: n.id,
		Region: n.config.Region, Account: n.config.AccountID,
		Endpoints: told,
		Quotas:    quotas(n.config.Quotas),
		Buckets:   control.Places{Opener: n.buckets},
		History:   n.config.History,
		Events:    n.config.Events.Keep,
		Log:       n.log,
	})
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	n.onClose("control", n.control.Close)
	n.add("control", n.control.Run)
	n.watchDependencies()
	return n.openNotify(ctx)
}

func quotas(q config.Quotas) control.Quotas {
	return control.Quotas{
		Stages: q.Stages.N, PublicKeys: q.PublicKeys.N, Channels: q.Channels.N,
		EncoderConfigurations: q.EncoderConfigurations.N, StorageConfigurations: q.StorageConfigurations.N,
		IngestConfigurations: q.IngestConfigurations.N,
		Compositions:         q.Compositions.N, CompositionsPerStage: q.CompositionsPerStage.N,
		ReplicationsPerParticipant: q.ReplicationsPerParticipant.N,
	}
}

// tellAddresses finds out what clients are told: the public URL, and from it the endpoints.
func (n *Node) tellAddresses() (live.Endpoints, error) {
	told, err := n.mediaAddresses()
	if err != nil {
		return live.Endpoints{}, err
	}
	n.public = publicURL(n.config.PublicURL, n.listen.Addr(), told)
	if n.config.PublicURL == "" && n.config.TLS.On() {
		n.public = encrypted(n.public, n.config.TLS.Domains)
	}
	return endpoints(n.public, n.config.RTMP)
}

func (n *Node) mediaAddresses() ([]netip.AddrPort, error) {
	return mediaAddresses(n.config.MediaAddress, n.config.Media, net.InterfaceAddrs)
}

// parts are what /readyz asks: the node is ready exactly when all of its roles serve. It asks nothing outside: a
// database that is away must not have the sessions taken down that go on without it. Whether it is there says
// the metric dependency_up.
func (n *Node) parts() []admin.Part {
	out := []admin.Part{{Name: "node", Ready: n.serving}, {Name: string(config.RoleAPI), Ready: n.apiReady}}
	if n.media != nil {
		out = append(out, admin.Part{Name: string(config.RoleMedia), Ready: n.mediaReady})
	}
	return out
}

func (n *Node) serving() error {
	if n.draining.Load() {
		return errDraining
	}
	if !n.started.Load() {
		return errNotRunning
	}
	return nil
}

func (n *Node) apiReady() error {
	return n.partReady("control")
}

func (n *Node) partReady(names ...string) error {
	for _, name := range names {
		for _, p := range n.running {
			if p.name == name {
				if err := p.ready(); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	}
	return nil
}

func stack() string { return string(debug.Stack()) }
