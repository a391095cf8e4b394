package doctor

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Machine is how the machine is looked at. A function that is nil looks at the real one.
type Machine struct {
	Now        func() time.Time
	ReadFile   func(string) ([]byte, error)
	Files      func() (soft, hard uint64, err error) // limits of open files
	Free       func(folder string) (uint64, error)   // bytes on its disk
	Writable   func(folder string) error
	Interfaces func() ([]net.Addr, error)
	Bind       func(ctx context.Context, network, address string) error // binds and lets go
	Get        func(ctx context.Context, url string) (status int, body []byte, err error)
	Public     func(ctx context.Context, server string) (net.IP, error) // asks a STUN server
}

func (m Machine) withDefaults() Machine {
	set := func(missing bool, fill func()) {
		if missing {
			fill()
		}
	}
	set(m.Now == nil, func() { m.Now = time.Now })
	set(m.ReadFile == nil, func() { m.ReadFile = os.ReadFile })
	set(m.Files == nil, func() { m.Files = openFiles })
	set(m.Free == nil, func() { m.Free = freeSpace })
	set(m.Writable == nil, func() { m.Writable = writable })
	set(m.Interfaces == nil, func() { m.Interfaces = net.InterfaceAddrs })
	set(m.Bind == nil, func() { m.Bind = bind })
	set(m.Get == nil, func() { m.Get = get })
	set(m.Public == nil, func() { m.Public = publicAddress })
	return m
}

func bind(ctx context.Context, network, address string) error {
	var config net.ListenConfig
	if strings.HasPrefix(network, "udp") {
		c, err := config.ListenPacket(ctx, network, address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := config.Listen(ctx, network, address)
	if err != nil {
		return err
	}
	return l.Close()
}

// get asks a server on this machine, whatever its certificate says: it is only to be recognised.
func get(ctx context.Context, url string) (int, []byte, error) {
	transport := localTransport()
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	answer, err := (&http.Client{Transport: transport, Timeout: localTimeout}).Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := readSome(answer.Body)
	return answer.StatusCode, body, err
}

// writable makes a file in a folder and removes it.
func writable(folder string) error {
	f, err := os.CreateTemp(folder, ".doctor-*")
	if err != nil {
		return err
	}
	name := f.Name()
	if err := f.Close(); err != nil {
		return err
	}
	return os.Remove(name)
}
