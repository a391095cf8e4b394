package node

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
)

func addrs(texts ...string) func() ([]net.Addr, error) {
	return func() ([]net.Addr, error) {
		var out []net.Addr
		for _, text := range texts {
			ip, prefix, err := net.ParseCIDR(text)
			if err != nil {
				return nil, err
			}
			out = append(out, &net.IPNet{IP: ip, Mask: prefix.Mask})
		}
		return out, nil
	}
}

func TestMediaAddresses_AreTheSettingTheBoundOneOrTheMachines(t *testing.T) {
	machine := addrs("127.0.0.1/8", "::1/128", "192.0.2.5/24", "2001:db8::5/64", "fe80::1/64", "169.254.1.1/16")
	for _, tc := range []struct {
		setting []string
		bound   []string
		own     func() ([]net.Addr, error)
		want    string
	}{
		{bound: []string{"127.0.0.1:7401"}, own: machine, want: "[127.0.0.1:7401]"},
		{bound: []string{"localhost:7401"}, own: machine, want: "[127.0.0.1:7401]"},
		{bound: []string{"192.0.2.5:7401"}, own: machine, want: "[192.0.2.5:7401]"},
		{bound: []string{"0.0.0.0:7401"}, own: machine, want: "[192.0.2.5:7401]"},
		{bound: []string{"[::]:7401"}, own: machine, want: "[192.0.2.5:7401 [2001:db8::5]:7401]"},
		{bound: []string{":7401"}, own: machine, want: "[192.0.2.5:7401 [2001:db8::5]:7401]"},
		{bound: []string{"0.0.0.0:7401"}, own: addrs("127.0.0.1/8", "::1/128"), want: "[127.0.0.1:7401]"},
		{bound: []string{"127.0.0.1:0"}, own: machine, want: "[127.0.0.1:0]"},
		{bound: []string{"192.0.2.5:7401", "[2001:db8::5]:7402", "192.0.2.5:7401"}, own: machine, want: "[192.0.2.5:7401 [2001:db8::5]:7402]"},
		{bound: []string{"192.0.2.5:7401", "[::]:7401"}, own: machine, want: "[192.0.2.5:7401 [2001:db8::5]:7401]"},
		{setting: []string{"203.0.113.7", "203.0.113.8:9000", "2001:db8::9"}, bound: []string{"0.0.0.0:7401"}, own: machine, want: "[203.0.113.7:0 203.0.113.8:9000 [2001:db8::9]:0]"},
	} {
		got, err := mediaAddresses(tc.setting, tc.bound, tc.own)
		if err != nil || fmt.Sprint(got) != tc.want {
			t.Errorf("media_address %q, media %s: clients are told %v, want %s (%v)", tc.setting, tc.bound, got, tc.want, err)
		}
	}
}

func TestMediaAddresses_AreFewOnAMachineWithMany(t *testing.T) {
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("10.0.%d.1/24", i))
	}
	got, err := mediaAddresses(nil, []string{"0.0.0.0:7401"}, addrs(many...))
	if err != nil || len(got) != maxAddresses {
		t.Errorf("clients are told %d addresses, %v", len(got), err)
	}
}

func TestPublicURL_IsTheSettingOrWhatIsBound(t *testing.T) {
	media := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.5:0")}
	for _, tc := range []struct{ setting, bound, want string }{
		{"", "127.0.0.1:7400", "http://127.0.0.1:7400"},
		{"", "[::1]:7400", "http://[::1]:7400"},
		{"", "0.0.0.0:7400", "http://192.0.2.5:7400"},
		{"", "[::]:7400", "http://192.0.2.5:7400"},
		{"https://live.example.org/", "0.0.0.0:7400", "https://live.example.org"},
	} {
		addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(tc.bound))
		if got := publicURL(tc.setting, addr, media); got != tc.want {
			t.Errorf("public_url %q, http %s: %s, want %s", tc.setting, tc.bound, got, tc.want)
		}
	}
}

func TestEndpoints_FollowThePublicURL(t *testing.T) {
	e, err := endpoints("http://[2001:db8::5]:7400", "127.0.0.1:1936")
	if err != nil || e.Events != "ws://[2001:db8::5]:7400/events" || e.WHIP != "http://[2001:db8::5]:7400/whip" || e.RTMP != "rtmp://[2001:db8::5]:1936/app/" {
		t.Errorf("endpoints are %+v, %v", e, err)
	}
}
