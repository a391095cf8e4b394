package load

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FloorArg is the argument that makes proscenium-load the process that measures the floor.
const FloorArg = "measure-floor"

const (
	srtpHeader = 12 // bytes that are sent in the clear and authenticated
	gcmTag     = 16
	floorTime  = 2 * time.Second
	floorSlice = 100 * time.Millisecond // the floor is the median of as many: others share the machine
)

// Floor is the least that forwarding a packet can cost in this language and on this machine when each packet
// takes a system call: one AES-128-GCM seal and one sendto, to as many loopback sockets as there are viewers,
// each read by somebody on another core.
type Floor struct {
	Size           int     `json:"packet_bytes"` // of the datagram
	Destinations   int     `json:"destinations"`
	Packets        int64   `json:"packets"`
	CPUSeconds     float64 `json:"cpu_seconds"`
	PerMillion     float64 `json:"cpu_seconds_per_million"` // median over slices of the time
	DeliveredShare float64 `json:"delivered_share"`         // what arrived: a full socket makes sending cheaper
}

// measureFloor runs the floor in a process of its own on the server's core, while this process reads.
func measureFloor(ctx context.Context, set *unix.CPUSet, size, destinations int) (Floor, error) {
	sinks, ports, received, err := openSinks(destinations)
	if err != nil {
		return Floor{}, err
	}
	defer sinks()
	self, err := os.Executable()
	if err != nil {
		return Floor{}, err
	}
	args := []string{FloorArg, strconv.Itoa(size)}
	for _, p := range ports {
		args = append(args, strconv.Itoa(p))
	}
	ctx, cancel := context.WithTimeout(ctx, floorTime+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // ourselves
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := startPinned(cmd, set); err != nil {
		return Floor{}, fmt.Errorf("measure floor: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return Floor{}, fmt.Errorf("measure floor: %w", err)
	}
	var f Floor
	if err := json.Unmarshal(out.Bytes(), &f); err != nil {
		return Floor{}, fmt.Errorf("measure floor: %w", err)
	}
	f.DeliveredShare = float64(received.Load()) / float64(max(f.Packets, 1))
	return f, nil
}

// openSinks opens sockets and reads them until the returned function is called.
func openSinks(n int) (closeAll func(), ports []int, received *atomic.Int64, err error) {
	received = new(atomic.Int64)
	var conns []*net.UDPConn
	var readers sync.WaitGroup
	closeAll = func() {
		for _, c := range conns {
			_ = c.Close()
		}
		readers.Wait()
	}
	for range n {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			closeAll()
			return nil, nil, nil, fmt.Errorf("open sink: %w", err)
		}
		_ = c.SetReadBuffer(1 << 20)
		conns = append(conns, c)
		ports = append(ports, c.LocalAddr().(*net.UDPAddr).Port)
		readers.Add(1)
		go func() {
			defer readers.Done()
			buf := make([]byte, datagramSize)
			for {
				if _, _, err := c.ReadFromUDPAddrPort(buf); err != nil {
					return
				}
				received.Add(1)
			}
		}()
	}
	return closeAll, ports, received, nil
}

// RunFloor is the whole of the measuring process: args are the packet size and the ports. It prints a Floor.
func RunFloor(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%s needs a size and ports", FloorArg)
	}
	size, err := strconv.Atoi(args[0])
	if err != nil || size < srtpHeader+gcmTag+1 || size > 1500 {
		return fmt.Errorf("packet size %q is not from %d to 1500", args[0], srtpHeader+gcmTag+1)
	}
	addrs := make([]unix.RawSockaddrInet4, len(args)-1)
	for i, a := range args[1:] {
		port, err := strconv.ParseUint(a, 10, 16)
		if err != nil {
			return fmt.Errorf("port: %w", err)
		}
		addrs[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&addrs[i].Port))[:], uint16(port))
	}
	f, err := sendFloor(size, addrs)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// sendFloor seals and sends for floorTime and returns what it cost.
func sendFloor(size int, addrs []unix.RawSockaddrInet4) (Floor, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return Floor{}, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return Floor{}, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return Floor{}, fmt.Errorf("socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	header := make([]byte, srtpHeader)
	plain := make([]byte, size-srtpHeader-gcmTag)
	nonce := make([]byte, gcm.NonceSize())
	out := make([]byte, 0, size)

	var packets int64
	send := func() error {
		for i := range addrs {
			binary.BigEndian.PutUint64(nonce[4:], uint64(packets))
			out = append(out[:0], header...)
			out = gcm.Seal(out, nonce, plain, header)
			// Raw: a server's event loop would not tell the scheduler either, and this is a floor.
			_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&out[0])), uintptr(len(out)), 0,
				uintptr(unsafe.Pointer(&addrs[i])), unix.SizeofSockaddrInet4)
			if errno != 0 {
				return fmt.Errorf("sendto: %w", errno)
			}
			packets++
		}
		return nil
	}
	for range 100 { // warm up
		if err := send(); err != nil {
			return Floor{}, err
		}
	}
	f := Floor{Size: size, Destinations: len(addrs)}
	var costs []float64
	for len(costs) < int(floorTime/floorSlice) {
		from := packets
		before, err := threadSeconds()
		if err != nil {
			return Floor{}, err
		}
		for end := time.Now().Add(floorSlice); time.Now().Before(end); {
			if err := send(); err != nil {
				return Floor{}, err
			}
		}
		after, err := threadSeconds()
		if err != nil {
			return Floor{}, err
		}
		f.CPUSeconds += after - before
		costs = append(costs, (after-before)/float64(packets-from)*1e6)
	}
	slices.Sort(costs)
	f.Packets, f.PerMillion = packets, costs[len(costs)/2]
	return f, nil
}

func threadSeconds() (float64, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9, nil
}
