package framework

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s-framework/scheduler"
)

// simStore is what ZooKeeper remembers. A Save is one multi that checks the epoch: a leader of before changes nothing.
type simStore struct {
	w     *simWorld
	epoch int

	meta  scheduler.Meta
	pools map[scheduler.PoolName]scheduler.PoolRecord
	nodes map[scheduler.NodeName]scheduler.Node
}

func newSimStore(w *simWorld) *simStore {
	return &simStore{w: w, pools: map[scheduler.PoolName]scheduler.PoolRecord{}, nodes: map[scheduler.NodeName]scheduler.Node{}}
}

var (
	errDeposed = errors.New("the epoch is another's: somebody else leads")
	errUnknown = errors.New("the connection broke before the answer")
)

// save makes changes durable, all or none. An error does not always mean that nothing was changed.
func (s *simStore) save(l *simLeader, changes []scheduler.Change) error {
	if l.epoch != s.epoch {
		s.w.logf("store: leader %d is refused, %d leads", l.epoch, s.epoch)
		return errDeposed
	}
	lost := s.w.perMille(3)
	if lost && s.w.number(2) == 0 {
		s.w.logf("store: a save is lost")
		return errUnknown
	}
	for _, change := range changes {
		s.w.logf("save %s", change)
		s.w.watch.change(l, change)
		s.apply(change)
	}
	s.w.watch.saved(l)
	if lost {
		s.w.logf("store: the answer to a save is lost")
		return errUnknown
	}
	return nil
}

func (s *simStore) apply(change scheduler.Change) {
	switch c := change.(type) {
	case scheduler.PutMeta:
		s.meta = c.Meta
	case scheduler.PutPool:
		s.pools[c.Pool.Name] = simWritten(s.w, c.Pool)
	case scheduler.DeletePool:
		delete(s.pools, c.Name)
	case scheduler.PutNode:
		s.nodes[c.Node.Name] = simWritten(s.w, c.Node)
	case scheduler.DeleteNode:
		delete(s.nodes, c.Name)
	default:
		panic(fmt.Sprintf("a change of type %T is new to the simulation", change))
	}
}

// simWritten is a record as it is read back: it is written as text, and shares nothing with what the core goes on with.
func simWritten[T any](w *simWorld, record T) (read T) {
	text, err := json.Marshal(record)
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil {
		w.violated("a record cannot be written and read back: %v", err)
	}
	return read
}

// load begins an epoch: whoever led before saves nothing any more.
func (s *simStore) load() (epoch int, state scheduler.State) {
	s.epoch++
	state.Meta = s.meta
	for _, name := range slices.Sorted(maps.Keys(s.pools)) {
		state.Pools = append(state.Pools, simWritten(s.w, s.pools[name]))
	}
	for _, n := range s.sorted() {
		state.Nodes = append(state.Nodes, simWritten(s.w, n))
	}
	return s.epoch, state
}

// sorted lists the records by name.
func (s *simStore) sorted() []scheduler.Node {
	var all []scheduler.Node
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		all = append(all, s.nodes[name])
	}
	return all
}

// of lists the records of a pool by name.
func (s *simStore) of(pool scheduler.PoolName) []scheduler.Node {
	return slices.DeleteFunc(s.sorted(), func(n scheduler.Node) bool { return n.Pool != pool })
}
