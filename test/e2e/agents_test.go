//go:build e2e

package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// With nodes: all a host that boots gets its node by itself; scaled to a number again the pool loses the youngest.
func newHostGetsItsNode(t *testing.T) {
	before := nodesReady(t, 3)
	order(t, "scale", pool, "all", "--wait")
	require.Equal(t, names(before), names(nodesReady(t, 3)), "every host has its node already")
	added, err := shared.AddAgent()
	require.NoError(t, err)
	registered := time.Now()
	host := added.Host.Name()
	fourth := on(t, nodesReady(t, 4), host)
	took(t, "a new agent registers → its node is Ready", registered)
	consistent(t)
	order(t, "scale", pool, "3", "--wait")
	gone(t, fourth.Name)
	require.Equal(t, names(before), names(nodesReady(t, 3)))
	consistent(t)
}

// A node whose executor dies is launched again on what is reserved for it, though another host is free; a pool without nodes
// has nothing reserved.
func reservedHostIsKept(t *testing.T) {
	before := nodesReady(t, 3)
	lost := before[0]
	host := string(lost.Host)
	reserved(t, host, 1.65, 1280)
	found := executors(t, host)
	require.Len(t, found, 1)
	require.NoError(t, syscall.Kill(found[0], syscall.SIGKILL))
	gone(t, lost.Name)
	on(t, nodesReady(t, 3), host)
	reserved(t, host, 1.65, 1280)
	consistent(t)

	order(t, "scale", pool, "0", "--wait")
	for _, a := range shared.Agents {
		reserved(t, a.Host.Name(), 0, 0)
	}
	consistent(t)
	order(t, "scale", pool, "3", "--wait")
	nodesReady(t, 3)
	consistent(t)
}
