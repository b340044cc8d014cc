package master

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// Filters of frameworks. A duration below zero means the default, one of more than a year means a year.
const (
	defaultRefusal = 5 * time.Second
	longestRefusal = 365 * 24 * time.Hour
)

type filterKey struct{ agent, role string }

// filter keeps an agent's resources from a framework while they are no more than what it has refused.
type filter struct {
	refused resources
	until   time.Time
}

// refusal is how long a Filters message refuses; 0 is no filter at all.
func refusal(f *mesos.Filters) time.Duration {
	seconds := defaultRefusal.Seconds()
	if f != nil && f.RefuseSeconds != nil && *f.RefuseSeconds >= 0 {
		seconds = *f.RefuseSeconds
	}
	if seconds > longestRefusal.Seconds() {
		return longestRefusal
	}
	return time.Duration(seconds * float64(time.Second))
}

// askAllocation makes an allocation as soon as the loop has done what waits.
func (m *Master) askAllocation() { m.allocates = true }

func (m *Master) allocateIfAsked() {
	if m.allocates {
		m.allocates = false
		m.allocate()
	}
}

// allocationCycle allocates every --allocation_interval.
func (m *Master) allocationCycle() {
	m.allocate()
	m.after(m.flags.AllocationInterval, m.allocationCycle)
}

// candidate is a framework in one of its roles, wanting offers.
type candidate struct {
	framework *framework
	role      string
	share     float64
}

// allocate offers what is free. Each framework gets one OFFERS event with all its offers.
func (m *Master) allocate() {
	candidates := m.candidates()
	if len(candidates) > 0 {
		now := time.Now()
		made := map[*framework][]mesos.Offer{}
		var order []*framework
		for _, a := range slices.Backward(m.agentList) {
			if a == nil || !a.offering() || len(a.free) == 0 || (m.whitelist != nil && !m.whitelist[a.info.Hostname]) {
				continue
			}
			for _, o := range m.allocateAgent(a, candidates, now) {
				if made[o.framework] == nil {
					order = append(order, o.framework)
				}
				made[o.framework] = append(made[o.framework], o.message)
			}
		}
		for _, f := range order {
			m.counts.Offers.add(len(made[f]))
			f.send(&scheduler.Event{Type: scheduler.Event_OFFERS, Offers: &scheduler.Event_Offers{Offers: made[f]}})
		}
	}
	m.makeInverseOffers()
}

// candidates are the frameworks' roles that want offers, in the order of their shares.
func (m *Master) candidates() []*candidate {
	var all []*candidate
	for _, f := range m.frameworks {
		if !f.active {
			continue
		}
		for _, role := range f.roles() {
			if !f.suppressed[role] {
				all = append(all, &candidate{framework: f, role: role})
			}
		}
	}
	m.sortCandidates(all)
	return all
}

// sortCandidates puts the smallest dominant share first; then who got fewer offers; then who came first.
func (m *Master) sortCandidates(all []*candidate) {
	if len(all) < 2 {
		return
	}
	for _, c := range all {
		c.share = m.share(c.framework)
	}
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i], all[j]
		switch {
		case a.share != b.share:
			return a.share < b.share
		case a.framework.allocations != b.framework.allocations:
			return a.framework.allocations < b.framework.allocations
		case a.framework.order != b.framework.order:
			return a.framework.order < b.framework.order
		}
		return a.role < b.role
	})
}

func (m *Master) share(f *framework) float64 {
	part := func(have, all int64) float64 {
		if all == 0 {
			return 0
		}
		return float64(have) / float64(all)
	}
	return max(part(f.allocated.cpus, m.state.total.cpus), part(f.allocated.mem, m.state.total.mem))
}

// allocateAgent gives one agent's free resources to the first candidates that may have them.
func (m *Master) allocateAgent(a *agent, candidates []*candidate, now time.Time) []*offer {
	var made []*offer
	for _, c := range candidates {
		if len(a.free) == 0 {
			break
		}
		if !m.mayHave(c.framework, a) || !c.framework.constraints.allow(c.role, &a.info) {
			continue
		}
		if c.framework.refuses(a.id, c.role, a.free, now) {
			continue // whatever part of it the role may have; nearly every agent of a large cluster ends here
		}
		fitting := a.fitting(c.role)
		if !m.allocatable(fitting) || c.framework.refuses(a.id, c.role, fitting, now) {
			continue
		}
		made = append(made, m.makeOffer(a, c.framework, c.role, fitting))
	}
	if len(made) > 0 {
		m.sortCandidates(candidates)
	}
	return made
}

// mayHave are the rules about agents that not every framework gets offered.
func (m *Master) mayHave(f *framework, a *agent) bool {
	if a.total.scalar("gpus") > 0 && !f.can(mesos.FrameworkInfo_Capability_GPU_RESOURCES) {
		return false
	}
	region := a.info.GetDomain().GetFaultDomain().GetRegion().Name
	return f.can(mesos.FrameworkInfo_Capability_REGION_AWARE) || region == "" ||
		region == m.info.GetDomain().GetFaultDomain().GetRegion().Name
}

// fitting is what is free on the agent and may be offered to a role.
func (a *agent) fitting(role string) resources {
	fitting := a.free.inOrderOf(a.total)
	fitting = slices.DeleteFunc(fitting, func(r resource) bool { return !r.allocatableTo(role) })
	return fitting.offerOrder()
}

// refuses says whether a filter covers resources. Filters that have expired are dropped.
func (f *framework) refuses(agent, role string, r resources, now time.Time) bool {
	key := filterKey{agent, role}
	list := f.filters[key]
	if len(list) == 0 {
		return false
	}
	list = slices.DeleteFunc(list, func(x filter) bool { return !x.until.After(now) })
	if len(list) == 0 {
		delete(f.filters, key)
		return false
	}
	f.filters[key] = list
	return slices.ContainsFunc(list, func(x filter) bool { return x.refused.contains(r) })
}

// refuse installs a filter. It holds for at least one allocation interval.
func (m *Master) refuse(f *framework, agent, role string, r resources, d time.Duration) {
	if d <= 0 || len(r) == 0 {
		return
	}
	key := filterKey{agent, role}
	f.filters[key] = append(f.filters[key], filter{r.allocated(""), time.Now().Add(max(d, m.flags.AllocationInterval))})
}

// revive forgets a framework's filters and suppressions, for some roles or for all, and allocates at once.
func (m *Master) revive(f *framework, roles []string) {
	for key := range f.filters {
		if len(roles) == 0 || slices.Contains(roles, key.role) {
			delete(f.filters, key)
		}
	}
	for role := range f.suppressed {
		if len(roles) == 0 || slices.Contains(roles, role) {
			delete(f.suppressed, role)
		}
	}
	clear(f.inverse)
	m.askAllocation()
}

func (m *Master) suppress(f *framework, roles []string) {
	if len(roles) == 0 {
		roles = f.roles()
	}
	for _, role := range roles {
		f.suppressed[role] = true
	}
}

// minimum is one alternative of --min_allocatable_resources: all of its amounts, in thousandths.
type minimum map[string]int64

func parseMinimum(s string) ([]minimum, error) {
	var all []minimum
	for alternative := range strings.SplitSeq(s, "|") {
		if alternative == "" {
			continue
		}
		one := minimum{}
		for part := range strings.SplitSeq(alternative, ";") {
			name, value, ok := strings.Cut(part, ":")
			f, err := strconv.ParseFloat(value, 64)
			if !ok || err != nil {
				return nil, fmt.Errorf("Error parsing min_allocatable_resources '%s': expected name:number;…|…", s)
			}
			one[name] = int64(f*1000 + 0.5)
		}
		all = append(all, one)
	}
	return all, nil
}

// allocatable says whether resources are enough for an offer.
func (m *Master) allocatable(r resources) bool {
	if len(r) == 0 {
		return false
	}
	return len(m.minimum) == 0 || slices.ContainsFunc(m.minimum, func(one minimum) bool {
		for name, amount := range one {
			if r.scalar(name) < amount {
				return false
			}
		}
		return true
	})
}

// readWhitelist reads the file of --whitelist: one hostname a line. It is read once.
func readWhitelist(path string) (map[string]bool, error) {
	if path == "" || path == "*" {
		return nil, nil
	}
	file, err := os.Open(strings.TrimPrefix(path, "file://"))
	if err != nil {
		return nil, fmt.Errorf("whitelist: %w", err)
	}
	defer file.Close() // it was read only
	hosts := map[string]bool{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if host := strings.TrimSpace(lines.Text()); host != "" {
			hosts[host] = true
		}
	}
	return hosts, lines.Err()
}
