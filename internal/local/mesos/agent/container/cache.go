package container

import (
	"fmt"
	"path/filepath"
	"sync"
)

// cache is the fetcher's cache: one file for each user and URI. It is never emptied, and forgotten (not removed) with the
// agent's process; there is no bound for its size.
type cache struct {
	dir string

	mu      sync.Mutex
	entries map[string]*cacheEntry
}

// cacheEntry is one file. Its lock is held while it is being downloaded, so that containers that want the same wait.
type cacheEntry struct {
	path string

	mu    sync.Mutex
	ready bool
}

func (c *cache) entry(user, uri string) *cacheEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := user + "@" + uri
	e := c.entries[key]
	if e == nil {
		e = &cacheEntry{path: filepath.Join(c.dir, fmt.Sprintf("c%d-%s", len(c.entries)+1, filepath.Base(uri)))}
		c.entries[key] = e
	}
	return e
}
