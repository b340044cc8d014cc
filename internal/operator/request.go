package operator

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"sigs.k8s.io/yaml"

	"k8s-framework/scheduler"
)

// Request is one thing that an operator asks for, and what it comes to in the end.
type Request struct {
	method string
	path   []string // escaped
	body   []byte
	goal   goal
}

func ofPool(method, pool string, verb ...string) Request {
	return Request{method: method, path: append([]string{"pools", url.PathEscape(pool)}, verb...), goal: goal{pools: []string{pool}, change: true}}
}

// Scale changes how many nodes a pool wants: a number, or "all".
func Scale(pool, nodes string) (Request, error) {
	count, err := scheduler.ParseCount(nodes)
	if err != nil {
		return Request{}, fmt.Errorf("NODES is %q, want a whole number, 0 or more, or all", nodes)
	}
	wanted, err := count.MarshalJSON()
	r := ofPool(http.MethodPost, pool, "scale")
	r.body, r.goal.change = fmt.Appendf(nil, `{"nodes": %s}`, wanted), false
	return r, err
}

// Apply makes the pools of a pools file what it says. The leader reads the file; here only the pools' names are.
func Apply(document []byte) (Request, error) {
	var file struct {
		Pools []struct {
			Name string `json:"name"`
		} `json:"pools"`
	}
	if err := yaml.Unmarshal(document, &file); err != nil {
		return Request{}, fmt.Errorf("not a pools file: %w", err)
	}
	r := Request{method: http.MethodPut, path: []string{"pools"}, body: document, goal: goal{change: true}}
	for _, pool := range file.Pools {
		r.goal.pools = append(r.goal.pools, pool.Name)
	}
	return r, nil
}

// Delete drains a pool's nodes and forgets it.
func Delete(pool string) Request { return ofPool(http.MethodDelete, pool) }

// Pause holds a pool's rolling change.
func Pause(pool string) Request { return ofPool(http.MethodPost, pool, "pause") }

// Resume goes on with a pool's rolling change.
func Resume(pool string) Request { return ofPool(http.MethodPost, pool, "resume") }

// RollBack makes the definition before a pool's present one hold again.
func RollBack(pool string) Request { return ofPool(http.MethodPost, pool, "rollback") }

// Restart replaces all nodes of a pool, or one node; name is a pool's, a node's or a host's.
func Restart(view scheduler.View, name string) (Request, error) {
	kind, bare := kindOf(name)
	pool, node := findPool(view, bare), findNode(view, kind, bare)
	switch {
	case kind == "" && pool != nil && node != nil:
		return Request{}, fmt.Errorf("%q is a pool, and node %s on host %s: say pool/%s or node/%s", name, node.Name, node.Host, bare, node.Name)
	case pool != nil && (kind == "" || kind == kindPool):
		return ofPool(http.MethodPost, bare, "restart"), nil
	case node != nil:
		return ofNode(node, "restart"), nil
	case kind == kindPool:
		return Request{}, fmt.Errorf("pool is %q, want one of %v", bare, poolNames(view))
	default:
		return Request{}, fmt.Errorf("%q is no pool, node or host with a node, want one; the pools are %v", name, poolNames(view))
	}
}

// Cancel calls the drain of one node off; name is a node's or a host's.
func Cancel(view scheduler.View, name string) (Request, error) {
	kind, bare := kindOf(name)
	node := findNode(view, kind, bare)
	if node == nil {
		return Request{}, fmt.Errorf("%q is no node and no host with a node, want one of status", name)
	}
	return ofNode(node, "cancel"), nil
}

func ofNode(node *scheduler.NodeView, verb string) Request {
	return Request{
		method: http.MethodPost, path: []string{"nodes", url.PathEscape(string(node.Name)), verb},
		goal: goal{pools: []string{string(node.Pool)}, without: node.Name},
	}
}

// TearDown drains and ends everything, for good.
func TearDown() Request {
	return Request{method: http.MethodPost, path: []string{"teardown"}, body: []byte(`{"yes": true}`)}
}

// Abdicate makes the leader resign, so that the next in line leads.
func Abdicate() Request { return Request{method: http.MethodPost, path: []string{"abdicate"}} }

// ErrNotSure refuses a teardown that nobody has confirmed.
var ErrNotSure = errors.New("--yes is not there: teardown drains and ends every node of every pool, gives reservations back and ends the framework in Mesos; " +
	"it cannot be undone. --dry-run says what it would do")
