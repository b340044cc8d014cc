package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/go-zookeeper/zk"
)

// zookeeper is a server of the Debian package, for the scenarios in which masters elect a leader.
type zookeeper struct {
	cmd  *exec.Cmd
	conn *zk.Conn
}

// startZooKeeper starts a server and returns when it answers.
func startZooKeeper(dir, ip string, port int, tickTime string) (*zookeeper, error) {
	data := filepath.Join(dir, "zookeeper")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "zoo.cfg")
	text := fmt.Sprintf("tickTime=%s\ndataDir=%s\nclientPort=%d\nclientPortAddress=%s\nadmin.enableServer=false\n",
		tickTime, data, port, ip)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "logs", "zookeeper.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	z := &zookeeper{cmd: exec.Command("java", "-Xmx128m", "-XX:TieredStopAtLevel=1",
		"-cp", "/etc/zookeeper/conf:/usr/share/java/zookeeper.jar",
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", config)}
	z.cmd.Stdout, z.cmd.Stderr = log, log
	if err := z.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start ZooKeeper: %w", err)
	}
	conn, events, err := zk.Connect([]string{fmt.Sprintf("%s:%d", ip, port)}, 10*time.Second,
		zk.WithLogger(quiet{}))
	if err != nil {
		z.close()
		return nil, err
	}
	z.conn = conn
	deadline := time.After(20 * time.Second)
	for {
		select {
		case event := <-events:
			if event.State == zk.StateHasSession {
				return z, nil
			}
		case <-deadline:
			z.close()
			return nil, errors.New("start ZooKeeper: no session within 20 s")
		}
	}
}

func (z *zookeeper) close() {
	if z.conn != nil {
		z.conn.Close()
	}
	_ = z.cmd.Process.Kill()
	_ = z.cmd.Wait() // killed: the error says just that
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
