package zookeeper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// peer is one server of an ensemble: the ports by which the servers find and elect each other.
type peer struct {
	host             string
	quorum, election int
}

// writeConfig writes zoo.cfg, and myid where there are peers, and returns the path of zoo.cfg. The server's own number
// among its peers counts from one; it is 0 for a server that stands alone.
func writeConfig(o Options, number int, peers []peer) (string, error) {
	data := filepath.Join(o.Dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "tickTime=%d\n", o.TickTime.Milliseconds())
	fmt.Fprintf(&text, "dataDir=%s\n", data)
	fmt.Fprintf(&text, "clientPort=%d\n", o.Port)
	fmt.Fprintf(&text, "clientPortAddress=%s\n", o.Host)
	fmt.Fprintf(&text, "minSessionTimeout=%d\n", 2*o.TickTime.Milliseconds())
	fmt.Fprintf(&text, "maxSessionTimeout=%d\n", time.Minute.Milliseconds())
	text.WriteString("maxClientCnxns=0\n")            // the default of 60 is per address, and here all come from one
	text.WriteString("admin.enableServer=false\n")    // an HTTP server on a fixed port
	text.WriteString("4lw.commands.whitelist=srvr\n") // what readiness is asked with
	if number > 0 {
		// In ticks: a follower has 10 s to join and 2 s to keep up, however short the tick is.
		fmt.Fprintf(&text, "initLimit=%d\n", 10*time.Second/o.TickTime)
		fmt.Fprintf(&text, "syncLimit=%d\n", 2*time.Second/o.TickTime)
		for i, p := range peers {
			fmt.Fprintf(&text, "server.%d=%s:%d:%d\n", i+1, p.host, p.quorum, p.election)
		}
		if err := os.WriteFile(filepath.Join(data, "myid"), fmt.Appendf(nil, "%d\n", number), 0o644); err != nil {
			return "", err
		}
	}
	file := filepath.Join(o.Dir, "zoo.cfg")
	return file, os.WriteFile(file, []byte(text.String()), 0o644)
}
