//go:build mutation

package framework

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mutant is one place of the product that is broken on purpose.
type mutant struct {
	promise  string // what it breaks
	says     string // what the simulation then says, as a regular expression
	file     string // from this folder
	from, to string
}

var mutants = []mutant{
	{"never two nodes on a host", "want the same|is launched on host", "../scheduler/placement.go", "if other := c.hosts[s.host]; other != nil {", "if other := c.hosts[s.host]; other != nil && other.pool == p {"},
	{"launched resources are within the offered", "more than was offered", "../scheduler/supply.go", "entry.Amount -= part.Amount", "_ = part.Amount"},
	{"every offer is answered", "was not answered", "../scheduler/placement.go", "if s.answered || c.giveBack(now, s) {", "if s.answered || s.shared || c.giveBack(now, s) {"},
	{"offers are answered once", "is answered already", "../scheduler/placement.go", "s.answered, s.occupant = true, c.hosts[s.host]", "s.occupant = c.hosts[s.host]"},
	{"no task without a record that is older", "without a record|before it is durable", "loop.go", "if len(plan.Save) > 0 {", "if len(plan.Save) > 2 {"},
	{"no task ID is used twice", "used twice|launched while it runs", "../scheduler/resize.go", "n.LastTask++", "n.LastTask = 2"},
	{"the counter is saved before the nodes that rely on it", "above the saved counter", "../scheduler/core.go", "if c.dirtyMeta {", "if c.dirtyMeta && c.meta.Counter < 8 {"},
	{"nothing is done after a Save that failed", "after a save that failed", "loop.go", "l.store.Save(ctx, plan.Save); err != nil {", "l.store.Save(ctx, plan.Save); err != nil && errors.Is(err, errFatal) {"},
	{"nothing is called after the lease has run out", "its lease has run out", "loop.go", "for _, call := range plan.Calls {\n\t\tif !l.lease.Valid(l.now()) {", "for _, call := range plan.Calls {\n\t\tif false {"},
	{"nothing is done on Kubernetes after the lease has run out", "its lease has run out", "loop.go", "for _, op := range plan.Ops {\n\t\tif !l.lease.Valid(l.now()) {", "for _, op := range plan.Ops {\n\t\tif false {"},
	{"operators are answered after the Save", "is answered", "loop.go", "l.explain(plan)\n", "l.explain(plan)\n\tfor _, reply := range plan.Replies {\n\t\tl.answer(reply)\n\t}\n"},
	{"no kill of a node with pods: the executor is told drained only when its Node was there", "with .* pods on it", "../scheduler/observe.go", "n.drainOver = c.registered(n)", "n.drainOver = true"},
	{"no kill of a node with pods before its deadline", "before its deadline", "../scheduler/rules.go", "case now.Before(n.DrainBy):", "case now.Add(5 * time.Minute).Before(n.DrainBy):"},
	{"maxUnavailable", "maxUnavailable", "../scheduler/census.go", "return t.ready-1 >= c.wanted(p, now)-p.MaxUnavailable", "return t.ready >= c.wanted(p, now)-p.MaxUnavailable"},
	{"maxSurge", "in a change", "../scheduler/census.go", "return min(p.MaxSurge, replacing)", "return replacing"},
	{"no update is acknowledged before it is durable", "before it is durable", "../scheduler/core.go", "n.Phase, n.Since, n.Why = to, now, why\n\tc.changed(n)", "n.Phase, n.Since, n.Why = to, now, why\n\tif to != Gone {\n\t\tc.changed(n)\n\t}"},
	{"every update is acknowledged", "never acknowledged|without a record", "../scheduler/observe.go", "if e.Update != \"\" {", "if e.Update != \"\" && e.State != TaskKilled {"},
	{"the framework ID never changes", "framework ID", "../scheduler/core.go", "PutMeta{c.meta}", "PutMeta{Meta{Counter: c.meta.Counter}}"},
	{"LOST proves nothing", "lives", "../scheduler/event.go", "case TaskFinished, TaskFailed, TaskKilled, TaskError, TaskDropped, TaskGone:", "case TaskFinished, TaskFailed, TaskKilled, TaskError, TaskDropped, TaskGone, TaskUnreachable:"},
	{"the host is free only when the Node object is gone", "Node object", "../scheduler/rules.go", "case n.forgotten:", "case n.forgotten || n.forget.attempts > 1:"},
	{"a lost KILL is repeated", "Stopping|being deleted|Ready, wants", "../scheduler/rules.go", "n.kill.tried(now.Add(c.config.StopGrace))", "n.kill.tried(now.Add(24 * time.Hour))"},
	{"no reservation that nobody owns", "nobody owns|being deleted", "../scheduler/reservation.go", "if len(over) == 0 {", "if len(over) >= 0 {"},
	{"no cordon is left by a drain that was called off", "cordoned", "../scheduler/surplus.go", "if n.Uncordon && !n.retired()", "if n.Uncordon && n.Phase == Ready && n.uncordon.attempts > 0 && !n.retired()"},
	{"labels are as the pool says", "its pool wants", "../scheduler/rollout.go", "if n.marked == n.pool.edits ||", "if n.marked == n.pool.edits || n.Phase == Ready && n.Version > 1 ||"},
	{"nothing is called when there is nothing to do", "not quiet", "../scheduler/core.go", "RefuseIdle:     time.Hour,", "RefuseIdle:     time.Minute,"},
	{"a dry run changes nothing", "dry run", "../scheduler/obey.go", "if e.DryRun {", "if e.DryRun && c.connected && len(c.order)%2 == 0 {"},
	{"no token is left", "bootstrap token .* is left", "../scheduler/admit.go", "\t\tc.revokeToken(now, n)\n", ""},
	{"nobody gets a certificate in the name of a node", "the forged request", "../scheduler/certificate.go", "f.equal(\"commonName\", r.CommonName, m.user())", "_ = m.user()"},
	{"a token is good for one node only", "the forged request", "../scheduler/certificate.go", "f.equal(\"username\", r.Username, user)", "_ = user"},
	{"no starting taint is left", "starting taint", "../scheduler/admit.go", "n.identity.welcome.waiting = false\n\t}\n}", "}\n}"},
	{"an agent is named in each question", ".", "../scheduler/rules.go", "TaskAt{task.ID, n.Agent}", "TaskAt{task.ID, \"\"}"},
}

// TestSimulationFindsMutants breaks the product in one place after the other, by an overlay of the compiler, so that no broken
// code is ever in the tree, and asks for the seed that finds it.
func TestSimulationFindsMutants(t *testing.T) {
	found := regexp.MustCompile(`seed (\d+): (.*)`)
	for _, m := range mutants {
		t.Run(m.promise, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), "go", "test", ".", "-overlay", m.overlay(t), "-count", "1", "-run", "TestSimulation$", "-sim.seeds", "1000")
			output, err := command.CombinedOutput()
			match := found.FindStringSubmatch(string(output))
			if assert.Error(t, err, "not found in 1000 seeds") && assert.NotNil(t, match, string(output)) {
				t.Logf("found by seed %s: %s", match[1], match[2])
				assert.Regexp(t, m.says, match[2])
			}
		})
	}
}

// overlay writes the broken file beside the tree, and tells the compiler to take it.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(m.file)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(source), m.from), "%s has %q so often: the mutant is out of date", m.file, m.from)
	path, err := filepath.Abs(m.file)
	require.NoError(t, err)
	folder := t.TempDir()
	broken, list := filepath.Join(folder, "broken.go"), filepath.Join(folder, "overlay.json")
	require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(string(source), m.from, m.to, 1)), 0o600))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: broken}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	return list
}
