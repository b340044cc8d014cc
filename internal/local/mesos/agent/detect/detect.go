package detect

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// Detector reports the leader; see Detect.
type Detector interface {
	Detect(ctx context.Context, led func(addr string)) error
}

// SessionTimeout is that of a real agent's ZooKeeper session.
const SessionTimeout = 10 * time.Second

// New reads the flag --master: host:port, zk://[user:password@]host:port,…/path, or file:///path of a file with one of these.
func New(master string) (Detector, error) {
	if path, ok := strings.CutPrefix(master, "file://"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("--master=%s: %w", master, err)
		}
		master = strings.TrimSpace(string(content))
	}
	if rest, ok := strings.CutPrefix(master, "zk://"); ok {
		return newZooKeeper(master, rest)
	}
	// A libprocess address: the name of the process in front of the address.
	addr := strings.TrimPrefix(master, "master@")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, fmt.Errorf("--master=%s: expected host:port or zk://host:port,…/path: %w", master, err)
	}
	return fixed(addr), nil
}

// fixed is a master that is always taken for the leader.
type fixed string

func (f fixed) Detect(ctx context.Context, led func(string)) error {
	led(string(f))
	<-ctx.Done()
	return ctx.Err()
}

// zooKeeper is a path where masters contend.
type zooKeeper struct {
	servers    []string
	path, auth string
}

func newZooKeeper(flag, rest string) (*zooKeeper, error) {
	z := &zooKeeper{}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		z.auth, rest = rest[:at], rest[at+1:]
	}
	servers, path, ok := strings.Cut(rest, "/")
	if !ok || path == "" || servers == "" {
		return nil, fmt.Errorf("--master=%s: expected zk://host:port,…/path", flag)
	}
	for _, s := range strings.Split(servers, ",") {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return nil, fmt.Errorf("--master=%s: server %s: %w", flag, s, err)
		}
	}
	z.servers, z.path = strings.Split(servers, ","), "/"+strings.TrimSuffix(path, "/")
	return z, nil
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// Detect follows the path until ctx is done.
func (z *zooKeeper) Detect(ctx context.Context, led func(string)) error {
	conn, events, err := zk.Connect(z.servers, SessionTimeout, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return fmt.Errorf("connect to ZooKeeper %v: %w", z.servers, err)
	}
	defer conn.Close()
	go func() { // ends with the connection; the library wants its events to be read
		for range events {
		}
	}()
	if z.auth != "" {
		if err := conn.AddAuth("digest", []byte(z.auth)); err != nil {
			return fmt.Errorf("authenticate with ZooKeeper: %w", err)
		}
	}
	current, told, seen := "", false, time.Now()
	report := func(node, addr string) {
		if !told || node != current {
			told, current = true, node
			led(addr)
		}
	}
	for ctx.Err() == nil {
		node, addr, watch, err := z.look(conn)
		switch {
		case err == nil:
			seen = time.Now()
			report(node, addr)
		case time.Since(seen) > SessionTimeout:
			report("", "")
		}
		// Without a watch, and also with one that may have been lost, look again after a while.
		wait := time.Second
		if err == nil && watch != nil {
			wait = SessionTimeout
		}
		select {
		case <-ctx.Done():
		case <-watch:
		case <-time.After(wait):
		}
	}
	return ctx.Err()
}

// look returns the leading node and the address in it, both empty when nobody leads.
func (z *zooKeeper) look(conn *zk.Conn) (node, addr string, watch <-chan zk.Event, err error) {
	if s := conn.State(); s != zk.StateHasSession {
		return "", "", nil, fmt.Errorf("ZooKeeper: %s", s)
	}
	names, _, watch, err := conn.ChildrenW(z.path)
	if err == zk.ErrNoNode {
		_, _, watch, err = conn.ExistsW(z.path)
		return "", "", watch, err
	}
	if err != nil {
		return "", "", nil, err
	}
	node = smallest(names)
	if node == "" {
		return "", "", watch, nil
	}
	body, _, err := conn.Get(z.path + "/" + node)
	if err != nil {
		return "", "", nil, err // it may be gone already
	}
	addr, err = address(body)
	return node, addr, watch, err
}

const prefix = "json.info_"

// smallest is the node with the smallest sequence number.
func smallest(names []string) string {
	var nodes []string
	for _, n := range names {
		if _, err := strconv.Atoi(strings.TrimPrefix(n, prefix)); err == nil && strings.HasPrefix(n, prefix) {
			nodes = append(nodes, n)
		}
	}
	sort.Slice(nodes, func(i, j int) bool {
		a, _ := strconv.Atoi(strings.TrimPrefix(nodes[i], prefix)) // checked above
		b, _ := strconv.Atoi(strings.TrimPrefix(nodes[j], prefix)) // as above
		return a < b
	})
	if len(nodes) == 0 {
		return ""
	}
	return nodes[0]
}

// address reads a MasterInfo in JSON.
func address(body []byte) (string, error) {
	var info struct {
		Address struct {
			IP, Hostname string
			Port         int
		}
		PID string `json:"pid"`
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return "", fmt.Errorf("MasterInfo in ZooKeeper: %w", err)
	}
	if info.Address.IP != "" && info.Address.Port != 0 {
		return net.JoinHostPort(info.Address.IP, strconv.Itoa(info.Address.Port)), nil
	}
	if _, addr, ok := strings.Cut(info.PID, "@"); ok {
		return addr, nil
	}
	return "", fmt.Errorf("MasterInfo in ZooKeeper: no address in %s", body)
}
