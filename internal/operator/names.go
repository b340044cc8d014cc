package operator

import (
	"strings"

	"k8s-framework/scheduler"
)

// What a name can be said to be of, as in pool/workers.
const (
	kindPool = "pool"
	kindNode = "node"
	kindHost = "host"
)

// kindOf splits what a name is of from the name; kind is empty where the operator leaves it open.
func kindOf(name string) (kind, bare string) {
	for _, each := range []string{kindPool, kindNode, kindHost} {
		if rest, ok := strings.CutPrefix(name, each+"/"); ok {
			return each, rest
		}
	}
	return "", name
}

func findPool(view scheduler.View, name string) *scheduler.PoolView {
	for i := range view.Pools {
		if string(view.Pools[i].Name) == name {
			return &view.Pools[i]
		}
	}
	return nil
}

// findNode finds a node by its name, or by its host: the live one, of those whose records name it. A node's name is used
// once, so an order that names it never meets the next node on the same host.
func findNode(view scheduler.View, kind, name string) *scheduler.NodeView {
	var found *scheduler.NodeView
	for i := range view.Nodes {
		node := &view.Nodes[i]
		if string(node.Name) == name && (kind == "" || kind == kindNode) {
			return node
		}
		if strings.EqualFold(string(node.Host), name) && (kind == "" || kind == kindHost) && (found == nil || found.Phase == scheduler.Gone) {
			found = node
		}
	}
	return found
}

func poolNames(view scheduler.View) []scheduler.PoolName {
	names := []scheduler.PoolName{}
	for _, p := range view.Pools {
		names = append(names, p.Name)
	}
	return names
}
