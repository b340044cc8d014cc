package scheduler

import "time"

// teardown is what is known of the end of everything beyond its record.
type teardown struct {
	// sweep is when the last offers have been looked at for reservations; zero: nodes are left.
	sweep time.Time
	call  retry
}

// sweepFor is how long offers are looked at, after the last node, for reservations of ours that nobody remembers.
const sweepFor = 30 * time.Second

// endAll finishes a teardown that an operator has commanded: when every node is forgotten and every reservation given back,
// the framework ends in Mesos. That this is so is saved before it is done, and it is done again until Mesos says so.
func (c *Core) endAll(now time.Time) {
	if c.meta.Teardown == "" || !c.connected {
		return
	}
	if c.meta.Teardown == TearingDown {
		switch {
		case len(c.order) > 0 || len(c.orphans) > 0 || c.awaitsReturns():
			c.teardown.sweep = time.Time{}
			return
		case c.teardown.sweep.IsZero():
			c.teardown.sweep, c.freed = now.Add(sweepFor), true
			return
		case now.Before(c.teardown.sweep):
			return
		}
		c.meta.Teardown = TornDown
		c.dirtyMeta = true
		for _, name := range c.poolNames() {
			c.forgetPool(name)
		}
		c.note(Note{Text: "no node is left: the framework ends in Mesos"})
	}
	if c.teardown.call.due(now) {
		c.teardown.call.tried(now)
		c.call(TearDown{Why: "an operator's command"})
	}
}

// awaitsReturns reports whether offers that bring reservations back are still to come soon.
func (c *Core) awaitsReturns() bool {
	for _, p := range c.pools {
		if p.awaitsReturns() {
			return true
		}
	}
	return false
}

// forgetPool deletes a pool's record.
func (c *Core) forgetPool(name PoolName) {
	delete(c.pools, name)
	c.dirtyPools[name] = true
	c.counted = false
}

// forgetPools deletes the records of pools that were deleted, when nothing of them is left.
func (c *Core) forgetPools(now time.Time) {
	for _, name := range c.poolNames() {
		p := c.pools[name]
		if !p.Deleted || c.census(p, now).nodes > 0 {
			continue
		}
		if len(p.Returns) == 0 {
			c.forgetPool(name)
			c.note(Note{Pool: name, Text: "deleted: no node of it is left"})
		}
	}
}
