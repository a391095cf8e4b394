package turn

import (
	"net"
	"testing"

	"github.com/pion/stun/v4"
)

// FuzzGate puts anyone's datagrams in: what passes is something that pion knows.
func FuzzGate(f *testing.F) {
	s := open(f, Options{})
	cred := s.Credential(ada)
	build := func(setters ...stun.Setter) []byte {
		m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
		if err != nil {
			f.Fatal(err)
		}
		return m.Raw
	}
	signed := func(method stun.Method, more ...stun.Setter) []byte {
		all := append([]stun.Setter{stun.NewType(method, stun.ClassRequest)}, more...)
		return build(append(all, stun.NewUsername(cred.Username), stun.NewRealm(realm), stun.NewNonce("n"),
			stun.NewLongTermIntegrity(cred.Username, realm, cred.Password))...)
	}
	f.Add(build(stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP))
	f.Add(signed(stun.MethodAllocate, overUDP))
	f.Add(signed(stun.MethodChannelBind, attribute{stun.AttrXORPeerAddress, []byte{0, 1, 1, 2, 3, 4, 5, 6}}))
	f.Add(signed(stun.MethodCreatePermission, attribute{stun.AttrXORPeerAddress, nil}))
	f.Add(build(stun.BindingRequest))
	f.Add([]byte{0x40, 0, 0, 1, 9})
	from := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5}
	g := gate{guard: newGuard(s)}
	f.Fuzz(func(t *testing.T, data []byte) {
		answered := false
		if g.pass(data, from, func(b []byte) { answered = true }) && answered {
			t.Fatal("passed on and answered")
		}
	})
}

// FuzzFrame cuts a stream: a frame is whole and not too long, or there is none.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("\x40\x00\x00\x03abc\x00"))
	f.Add([]byte("\x00\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa"))
	f.Add([]byte("GET /"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := frame(data)
		if n < 0 || n > len(data) || n >= maxFrame || n > 0 && n < 4 || err != nil && n != 0 {
			t.Fatalf("%d bytes of %d, %v", n, len(data), err)
		}
	})
}

// FuzzReadName reads names, whoever made them.
func FuzzReadName(f *testing.F) {
	f.Add("1790000000:" + user(ada))
	f.Add(":")
	f.Add("1:YQ")
	f.Fuzz(func(t *testing.T, name string) {
		until, who, ok := readName(name)
		if !ok {
			return
		}
		if len(name) > maxName || who.Stage == "" || who.ID == "" {
			t.Fatalf("%q is read as %v", name, who)
		}
		k := keys{now: until.UTC}
		if got := k.name(who); got != name {
			t.Fatalf("%q is written as %q", name, got)
		}
	})
}
