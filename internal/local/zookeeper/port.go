package zookeeper

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports among which a free one is sought. They lie below those that Linux gives to outgoing connections
// (32768 to 60999): one of these could take a server's port while the server restarts.
const (
	firstPort = 20000
	lastPort  = 29999
)

// freePort finds a port that nobody listens on. Somebody may take it before we do: among ten thousand that is rare.
func freePort(host string) (int, error) {
	var last error
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		return port, listener.Close()
	}
	return 0, fmt.Errorf("find a free port from %d to %d: %w", firstPort, lastPort, last)
}
