package doctor

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// Probe is what a running server gives to whoever is to find out whether it is reached (docs/admin-api.md).
type Probe struct {
	Username string   `json:"username"`
	Password string   `json:"password"`
	Media    []string `json:"media"` // IP:port, each over UDP and TCP
	Relays   []Relay  `json:"relays"`
}

// Relay is a TURN server with a credential.
type Relay struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username"`
	Credential string   `json:"credential"`
}

const (
	// reachTimeout is how long an address may take to answer.
	reachTimeout = 4 * time.Second
	// ringAgain is how soon a datagram is sent again.
	ringAgain = 500 * time.Millisecond
)

// Reach asks a server to answer at each address that it tells clients. inside says that this is asked on the
// server's own machine, where a router may not let one out and in again.
func Reach(ctx context.Context, p Probe, inside bool) []Finding {
	var all []Finding
	udp := 0
	for _, address := range p.Media {
		for _, network := range []string{"udp", "tcp"} {
			f := reachMedia(ctx, p, network, address, inside)
			if f.Level == OK && network == "udp" {
				udp++
			}
			all = append(all, f)
		}
	}
	if udp > 0 { // one way is enough; the others are for other networks
		for i := range all {
			if all[i].Level == Fail {
				all[i].Level = Warn
			}
		}
	}
	for _, r := range p.Relays {
		for _, url := range r.URLs {
			all = append(all, reachRelay(ctx, r, url))
		}
	}
	return all
}

func reachMedia(ctx context.Context, p Probe, network, address string, inside bool) Finding {
	f := Finding{Check: "reach." + network, Level: OK}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	var took time.Duration
	if err == nil {
		defer conn.Close()
		_, took, err = ring(ctx, conn, &p)
	}
	if err == nil {
		f.Found = fmt.Sprintf("%s answers over %s in %s", address, network, took.Round(100*time.Microsecond))
		return f
	}
	f.Level, f.Found = Fail, fmt.Sprintf("%s does not answer over %s: %v", address, network, reason(err))
	f.Meaning = "Clients that are where this was asked can't send media to it."
	f.Change = fmt.Sprintf("Open %s port %s towards it in every firewall (nftables, the cloud's security group), have NAT pass it on, "+
		"or correct --media-address. For clients that no port is open to: --turn-listen, --turn-listen-tls.", network, portOf(address))
	if inside {
		f.Level = Warn
		f.Meaning = "It was asked from the server's own machine, whose router may not let it out and in again: ask from another one, " +
			"with proscenium doctor --endpoint URL."
	}
	return f
}

func reason(err error) string {
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout() {
		return "nothing came back"
	}
	return err.Error()
}

// ring sends a connectivity check, or with no probe a plain Binding request, until it is answered.
func ring(ctx context.Context, conn net.Conn, p *Probe) (stun.XORMappedAddress, time.Duration, error) {
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	if p != nil {
		setters = append(setters, stun.NewUsername(p.Username), priority{}, stun.NewShortTermIntegrity(p.Password))
	}
	request, err := stun.Build(append(setters, stun.Fingerprint)...)
	if err != nil {
		return stun.XORMappedAddress{}, 0, err
	}
	framed := conn.LocalAddr().Network() == "tcp"
	begun := time.Now()
	deadline, _ := ctx.Deadline()
	if deadline.IsZero() {
		deadline = begun.Add(reachTimeout)
	}
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if err := say(conn, request.Raw, framed); err != nil {
			return stun.XORMappedAddress{}, 0, err
		}
		until := time.Now().Add(ringAgain)
		if framed || until.After(deadline) { // a stream repeats by itself
			until = deadline
		}
		if mapped, ok := hear(conn, request, p, framed, until); ok {
			return mapped, time.Since(begun), nil
		}
		if framed {
			break
		}
	}
	return stun.XORMappedAddress{}, 0, context.DeadlineExceeded
}

// say writes a datagram, on a stream behind its length (RFC 4571).
func say(conn net.Conn, data []byte, framed bool) error {
	if framed {
		data = append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...)
	}
	_, err := conn.Write(data)
	return err
}

// hear waits for the answer to a request.
func hear(conn net.Conn, request *stun.Message, p *Probe, framed bool, until time.Time) (mapped stun.XORMappedAddress, ok bool) {
	_ = conn.SetReadDeadline(until)
	buf := make([]byte, 2048)
	for time.Now().Before(until) {
		data, err := read(conn, buf, framed)
		if err != nil {
			if framed || isTimeout(err) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
				return mapped, false
			}
			continue // an earlier datagram was refused; the next may not be
		}
		m := &stun.Message{Raw: append([]byte(nil), data...)}
		if m.Decode() != nil || m.TransactionID != request.TransactionID || m.Type != stun.BindingSuccess {
			continue
		}
		if p != nil && stun.NewShortTermIntegrity(p.Password).Check(m) != nil {
			continue
		}
		return mapped, mapped.GetFrom(m) == nil
	}
	return mapped, false
}

func read(conn net.Conn, buf []byte, framed bool) ([]byte, error) {
	if !framed {
		n, err := conn.Read(buf)
		return buf[:n], err
	}
	if _, err := io.ReadFull(conn, buf[:2]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(buf))
	if n > len(buf) {
		return nil, errors.New("an answer that is too long")
	}
	_, err := io.ReadFull(conn, buf[:n])
	return buf[:n], err
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// priority is a check's PRIORITY, of a candidate of the least kind.
type priority struct{}

func (priority) AddTo(m *stun.Message) error {
	m.Add(stun.AttrPriority, []byte{0, 0, 0, 1})
	return nil
}

// reachRelay makes an allocation and gives it back.
func reachRelay(ctx context.Context, r Relay, url string) Finding {
	f := Finding{Check: "reach.turn", Level: OK}
	begun := time.Now()
	if err := relay(ctx, r, url); err != nil {
		f.Level, f.Found = Fail, fmt.Sprintf("%s relays nothing: %v", url, reason(err))
		f.Meaning = "Clients that can't reach the media port don't get through this way either."
		f.Change = "Open its port, or correct --turn-host or --turn-urls; with turns: the certificate must be for the name."
		return f
	}
	f.Found = fmt.Sprintf("%s relays, after %s", url, time.Since(begun).Round(time.Millisecond))
	return f
}

func relay(ctx context.Context, r Relay, url string) error {
	u, err := stun.ParseURI(url)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	server := net.JoinHostPort(u.Host, strconv.Itoa(u.Port))
	conn, err := dialRelay(ctx, u, server)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: server, TURNServerAddr: server, Conn: conn, Username: r.Username, Password: r.Credential,
		LoggerFactory: quiet{}, RTO: ringAgain,
	})
	if err != nil {
		_ = conn.Close()
		return err
	}
	defer conn.Close()
	defer client.Close()
	if err := client.Listen(); err != nil {
		return err
	}
	allocated, err := client.Allocate()
	if err != nil {
		return err
	}
	return allocated.Close()
}

func dialRelay(ctx context.Context, u *stun.URI, server string) (net.PacketConn, error) {
	if u.Proto == stun.ProtoTypeUDP {
		to, err := net.ResolveUDPAddr("udp", server)
		if err != nil {
			return nil, err
		}
		network := "udp6" // the client asks for an address of its socket's family
		if to.IP.To4() != nil {
			network = "udp4"
		}
		var config net.ListenConfig
		return config.ListenPacket(ctx, network, ":0")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	if u.Scheme == stun.SchemeTypeTURNS {
		secure := tls.Client(conn, &tls.Config{ServerName: u.Host, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = secure
	}
	return turn.NewSTUNConn(conn), nil
}

// quiet is pion's log.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger { return quiet{} }

func (quiet) Trace(string)          {}
func (quiet) Tracef(string, ...any) {}
func (quiet) Debug(string)          {}
func (quiet) Debugf(string, ...any) {}
func (quiet) Info(string)           {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warn(string)           {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Error(string)          {}
func (quiet) Errorf(string, ...any) {}
