package zk

import (
	"fmt"
	"strings"
	"sync"
)

// troubles collects what Options.Trouble is told.
type troubles struct {
	mu  sync.Mutex
	all []string
}

func (t *troubles) add(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, fmt.Sprint(err))
}

func (t *troubles) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.all, "\n")
}
