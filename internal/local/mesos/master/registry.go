package master

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/maintenance"
)

// ledger is what outlives a master: which agents there are and in which condition.
type ledger struct {
	Admitted    map[string]bool      `json:"admitted"`
	Unreachable map[string]int64     `json:"unreachable"` // since when, in nanoseconds since 1970
	Gone        map[string]int64     `json:"gone"`
	Conditions  map[string]condition `json:"conditions"` // of admitted and of unreachable agents
	Machines    []machineRecord      `json:"machines,omitempty"`
	Schedule    maintenance.Schedule `json:"schedule"`
}

// condition is what an operator has done to an agent.
type condition struct {
	Deactivated  bool             `json:"deactivated,omitempty"`
	Drain        *mesos.DrainInfo `json:"drain,omitempty"`
	DrainStarted time.Time        `json:"drain_started,omitzero"`
}

type machineRecord struct {
	Machine mesos.MachineID `json:"machine"`
	Down    bool            `json:"down,omitempty"`
}

func newLedger() ledger {
	return ledger{
		Admitted: map[string]bool{}, Unreachable: map[string]int64{}, Gone: map[string]int64{}, Conditions: map[string]condition{},
	}
}

// storage keeps a ledger as bytes.
type storage interface {
	load() ([]byte, error) // nil when nothing was stored yet
	store([]byte) error
}

// memory is the storage of --registry=in_memory.
type memory struct{}

func (memory) load() ([]byte, error) { return nil, nil }
func (memory) store([]byte) error    { return nil }

// file is the storage of --registry=replicated_log without ZooKeeper.
type file string

func (f file) load() ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (f file) store(b []byte) error {
	if err := os.MkdirAll(filepath.Dir(string(f)), 0o755); err != nil {
		return err
	}
	temporary := string(f) + ".new"
	if err := os.WriteFile(temporary, b, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, string(f))
}

// registrar changes the ledger in the loop and stores it in a goroutine; what waits for a change to be durable goes on in
// the loop afterwards. Changes that come while the ledger is being stored are stored together.
type registrar struct {
	m       *Master
	ledger  ledger
	storage storage

	changed bool // since the ledger was last handed to the storage
	waiting []func()
	writing bool
}

// newRegistrar reads the ledger and says how many bytes it has; the error names what cannot be read.
func (m *Master) newRegistrar(s storage) (*registrar, int, error) {
	r := &registrar{m: m, ledger: newLedger(), storage: s}
	b, err := s.load()
	if err != nil {
		return nil, 0, fmt.Errorf("Failed to recover registrar: %w", err)
	}
	if len(b) == 0 {
		return r, 0, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, 0, fmt.Errorf("Failed to recover registrar: %w", err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		return nil, 0, fmt.Errorf("Failed to recover registrar: %w", err)
	}
	if err := json.Unmarshal(plain, &r.ledger); err != nil {
		return nil, 0, fmt.Errorf("Failed to recover registrar: %w", err)
	}
	return r, len(b), nil
}

// commit makes the ledger durable and then runs the closure in the loop. With the storage in memory that is at once.
func (r *registrar) commit(then func()) {
	if _, ok := r.storage.(memory); ok {
		if then != nil {
			then()
		}
		return
	}
	r.changed = true
	if then != nil {
		r.waiting = append(r.waiting, then)
	}
	if !r.writing {
		r.write()
	}
}

// write stores the ledger as it is now.
func (r *registrar) write() {
	b, err := r.encode()
	if err != nil {
		r.m.die(err)
		return
	}
	waiting := r.waiting
	r.waiting, r.changed, r.writing = nil, false, true
	go func() { // ends when the ledger is stored, or cannot be
		if err := r.storage.store(b); err != nil {
			r.m.die(fmt.Errorf("Failed to update registry: %w", err))
			return
		}
		r.m.post(func() {
			r.writing = false
			for _, then := range waiting {
				then()
			}
			if r.changed && !r.writing {
				r.write()
			}
		})
	}()
}

func (r *registrar) encode() ([]byte, error) {
	plain, err := json.Marshal(&r.ledger)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return b.Bytes(), nil
}

func (r *registrar) admit(id string, then func()) {
	r.ledger.Admitted[id] = true
	r.commit(then)
}

func (r *registrar) remove(id string) {
	delete(r.ledger.Admitted, id)
	delete(r.ledger.Conditions, id)
	r.commit(nil)
}

func (r *registrar) markUnreachable(id string, at int64, then func()) {
	delete(r.ledger.Admitted, id)
	r.ledger.Unreachable[id] = at
	r.commit(then)
}

func (r *registrar) markReachable(id string, then func()) {
	if r.ledger.Admitted[id] && r.unreachable(id) == nil { // an agent that comes back after a failover
		then()
		return
	}
	delete(r.ledger.Unreachable, id)
	r.ledger.Admitted[id] = true
	r.commit(then)
}

func (r *registrar) markGone(id string, at int64, then func()) {
	delete(r.ledger.Admitted, id)
	delete(r.ledger.Unreachable, id)
	delete(r.ledger.Conditions, id)
	r.ledger.Gone[id] = at
	r.commit(then)
}

func (r *registrar) setCondition(id string, c condition, then func()) {
	if c == (condition{}) {
		delete(r.ledger.Conditions, id)
	} else {
		r.ledger.Conditions[id] = c
	}
	r.commit(then)
}

func (r *registrar) condition(id string) (bool, *mesos.DrainInfo, time.Time) {
	c := r.ledger.Conditions[id]
	return c.Deactivated, c.Drain, c.DrainStarted
}

// unreachable is since when an agent is unreachable, nil if it is not.
func (r *registrar) unreachable(id string) *int64 {
	if at, ok := r.ledger.Unreachable[id]; ok {
		return &at
	}
	return nil
}

func (r *registrar) gone(id string) bool {
	_, ok := r.ledger.Gone[id]
	return ok
}
