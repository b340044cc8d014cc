package framework

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

func TestPoolFlag(t *testing.T) {
	pool, err := ParsePool("name=workers,nodes=3,cpus=1.5,mem=1024,role=prod,drain-deadline=5m,drain-then=wait")
	require.NoError(t, err)
	assert.Equal(t, scheduler.PoolName("workers"), pool.Name)
	assert.Equal(t, 3, pool.Nodes)
	assert.Equal(t, scheduler.Resources{CPUs: 1500, Mem: 1_024_000}, pool.Resources)
	assert.Equal(t, scheduler.Role("prod"), pool.Role)
	assert.Equal(t, scheduler.DrainPolicy{Deadline: scheduler.Duration(5 * time.Minute), Then: scheduler.Wait}, pool.Drain)
	assert.Equal(t, scheduler.DefaultPool().Overhead, pool.Overhead)
}

func TestBadPoolFlagsNameFieldValueAndWish(t *testing.T) {
	for text, says := range map[string][]string{
		"":                                               {`"", want KEY=VALUE`, "name"},
		"name=w,nodes=3,cpus=1,mem=1,colour=2":           {`unknown key "colour", want one of name, nodes`},
		"name=w,nodes=-1,cpus=1,mem=1":                   {"nodes is -1, want 0 or more"},
		"name=w,nodes=x,cpus=1,mem=1":                    {`nodes is "x", want a whole number`},
		"name=w,nodes=1,cpus=0,mem=0":                    {"resources.cpus is 0, want more than 0", "resources.mem is 0, want"},
		"name=w,nodes=1,cpus=a lot,mem=1":                {`cpus: "a lot" is not an amount`},
		"name=w,nodes=1,cpus=1.0005,mem=1":               {`cpus: "1.0005" is not an amount: Mesos counts thousandths`},
		"name=w,nodes=1,cpus=1,mem=1.5":                  {"resources.mem is 1.5, want a whole number of MiB"},
		"name=W_,nodes=1,cpus=1,mem=1":                   {`name is "W_", want`},
		"name=w,nodes=1,cpus=1,mem=1,drain-deadline=10":  {`"10" is not a duration`},
		"name=w,nodes=1,cpus=1,mem=1,drain-deadline=-1s": {"drain.deadline is -1s, want more than 0s"},
		"name=w,nodes=1,cpus=1,mem=1,drain-then=perhaps": {`drain.then is "perhaps", want "force" or "wait"`},
	} {
		_, err := ParsePool(text)
		require.ErrorContains(t, err, "--pool")
		for _, want := range says {
			require.ErrorContains(t, err, want, text)
		}
	}
}

func TestPoolsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
pools:
- name: workers
  nodes: 3
  resources: {cpus: 1.5, mem: 1024}
  labels: {team: blue}
  taints: ["dedicated=blue:NoSchedule"]
  drain: {deadline: 5m, then: wait}
- name: batch
  nodes: 0
  resources: {cpus: 4, mem: 8192, disk: 10000}
  role: batch
`), 0o600))
	pools, err := ReadPools(path)
	require.NoError(t, err)
	require.Len(t, pools, 2)
	assert.Equal(t, map[string]string{"team": "blue"}, pools[0].Labels)
	assert.Equal(t, scheduler.Role("batch"), pools[1].Role)
	assert.Equal(t, scheduler.DefaultPool().ReadyTimeout, pools[1].ReadyTimeout)
}

func TestBadPoolsFilesNameEveryProblem(t *testing.T) {
	for text, says := range map[string]string{
		"pools: [{name: w, nodes: 1, resources: {cpus: 1, mem: 1}, colour: red}]": `unknown field "colour"`,
		"pool: []": `unknown field "pool"`,
		"pools: [": "not YAML",
		"pools: [{name: w, nodes: one, resources: {cpus: 1, mem: 1}}]":                                                  "nodes",
		"pools: [{name: w, nodes: 1, resources: {cpus: 1, mem: 1, memory: 1}}]":                                         `unknown field "memory"`,
		"pools: [{name: w, nodes: 1, resources: {cpus: 1, mem: 1}}, {name: w, nodes: 1, resources: {cpus: 1, mem: 1}}]": `pool "w" is there twice`,
		"pools: [{name: w, nodes: 1, resources: {cpus: 1, mem: 1}, taints: [x]}]":                                       `taints is "x", want key=value:Effect`,
	} {
		_, err := parsePools([]byte(text))
		require.ErrorContains(t, err, says, text)
	}
	_, err := ReadPools("/does/not/exist")
	require.ErrorContains(t, err, `--pools is "/does/not/exist", want a readable pools file`)
}
