package node

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/proscenium-live/proscenium/internal/config"
	"github.com/proscenium-live/proscenium/internal/sigv4"
	"github.com/proscenium-live/proscenium/internal/store"
	"github.com/proscenium-live/proscenium/internal/store/storetest"
)

// These say how fast the API is: calls signed by SigV4 over loopback, through everything that a node has but a
// written access log; both databases wait for the disk. Client and server share the process; what the client costs is measured beforehand against a
// server that only answers, and taken off. req/s/core is calls per second of processor time of this process: PostgreSQL's own is not in it.

func BenchmarkGetStage(b *testing.B) {
	eachDatabase(b, func(b *testing.B, n *Node) {
		arn := makeStage(b, n)
		benchmarkCall(b, n, 16, "GetStage", `{"arn":"`+arn+`"}`)
	})
}

func BenchmarkCreateParticipantToken(b *testing.B) {
	eachDatabase(b, func(b *testing.B, n *Node) {
		arn := makeStage(b, n)
		benchmarkCall(b, n, 16, "CreateParticipantToken", `{"stageArn":"`+arn+`","userId":"ada"}`)
	})
}

// BenchmarkCreateStage counts durable creates by many callers at once. p99 is meant here with fewer callers than
// would fill the machine: the last have to wait for their turn.
func BenchmarkCreateStage(b *testing.B) {
	for _, callers := range []int{8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			eachDatabase(b, func(b *testing.B, n *Node) { benchmarkCall(b, n, callers, "CreateStage", `{"tags":{"a":"b"}}`) })
		})
	}
}

func eachDatabase(b *testing.B, bench func(*testing.B, *Node)) {
	b.Helper()
	for name, open := range map[string]func(testing.TB) store.Options{"sqlite": nil, "postgres": storetest.DurablePostgres} {
		b.Run(name, func(b *testing.B) {
			c := config.New()
			c.DataDir, c.HTTP, c.Media, c.RTMP, c.LogAccess = b.TempDir(), "127.0.0.1:0", []string{"127.0.0.1:0"}, "127.0.0.1:0", false
			if open != nil {
				c.Database = open(b).URL
			}
			n, err := Open(b.Context(), Options{Config: c, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			runForBench(b, n)
			bench(b, n)
		})
	}
}

func runForBench(b *testing.B, n *Node) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	<-n.Ready()
}

// wireCaller sends requests that were signed beforehand over one connection, with as little work as there can be.
type wireCaller struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialCaller(tb testing.TB, addr string) *wireCaller {
	tb.Helper()
	conn, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	return &wireCaller{conn, bufio.NewReader(conn)}
}

func (c *wireCaller) call(request []byte) (int, error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	var status, length int
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		text := string(line)
		switch {
		case status == 0:
			if _, err := fmt.Sscanf(text, "HTTP/1.1 %d", &status); err != nil {
				return 0, err
			}
		case strings.HasPrefix(text, "Content-Length:"):
			if _, err := fmt.Sscanf(text, "Content-Length: %d", &length); err != nil {
				return 0, err
			}
		case text == "\r\n":
			_, err := io.CopyN(io.Discard, c.in, int64(length))
			return status, err
		}
	}
}

func signedBytes(b *testing.B, addr, operation, body string) []byte {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+addr+"/"+operation, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	sigv4.Signer{Key: sigv4.OneKey{AccessKeyID: "test", SecretKey: "test"}, Region: "us-east-1", Service: "ivs"}.Sign(r, []byte(body), time.Now())
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		b.Fatal(err)
	}
	return []byte(text.String())
}

func makeStage(b *testing.B, n *Node) string {
	b.Helper()
	c := dialCaller(b, n.HTTP().String())
	defer c.conn.Close()
	if _, err := c.conn.Write(signedBytes(b, n.HTTP().String(), "CreateStage", `{}`)); err != nil {
		b.Fatal(err)
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), `"arn":"`)
	arn, _, _ := strings.Cut(rest, `"`)
	return arn
}

// benchmarkCall makes b.N calls by several callers at once and reports req/s, req/s/core, p50 and p99.
func benchmarkCall(b *testing.B, n *Node, callers int, operation, body string) {
	b.Helper()
	addr := n.HTTP().String()
	request := signedBytes(b, addr, operation, body)
	floor := clientCost(b, request)
	all := make([][]time.Duration, callers)
	before := processorTime()
	b.ResetTimer()
	drive(b, addr, request, callers, b.N, func(caller int, took time.Duration) { all[caller] = append(all[caller], took) })
	b.StopTimer()
	spent := processorTime() - before - time.Duration(b.N)*floor
	took := slices.Concat(all...)
	slices.Sort(took)
	if len(took) == 0 {
		return
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64(b.N)/max(spent, time.Microsecond).Seconds(), "req/s/core")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// drive makes so many calls, and hears how long each took.
func drive(b *testing.B, addr string, request []byte, callers, calls int, heard func(int, time.Duration)) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(calls))
	var wg sync.WaitGroup
	for i := range callers {
		c := dialCaller(b, addr)
		wg.Go(func() {
			defer c.conn.Close()
			for left.Add(-1) >= 0 {
				began := time.Now()
				status, err := c.call(request)
				if err != nil || status != http.StatusOK {
					b.Errorf("%d, %v", status, err)
					return
				}
				heard(i, time.Since(began))
			}
		})
	}
	wg.Wait()
}

// clientCost measures what a call costs the caller, and a server that does nothing: half of it is the caller's.
func clientCost(b *testing.B, request []byte) time.Duration {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, len(request))
				for {
					if _, err := io.ReadFull(conn, buf); err != nil {
						return
					}
					if _, err := conn.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	const calls = 5000
	before := processorTime()
	drive(b, l.Addr().String(), request, 8, calls, func(int, time.Duration) {})
	return (processorTime() - before) / calls / 2
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
