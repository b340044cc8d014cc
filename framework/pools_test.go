package framework

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/operator"
	"k8s-framework/scheduler"
)

func TestPoolFlag(t *testing.T) {
	pool, err := ParsePool("name=workers,nodes=3,cpus=1.5,mem=1024,role=prod,reserve=true,max-unavailable=2,drain-deadline=5m,drain-then=wait")
	require.NoError(t, err)
	assert.Equal(t, scheduler.PoolName("workers"), pool.Name)
	assert.EqualValues(t, 3, pool.Nodes)
	assert.Equal(t, scheduler.Resources{CPUs: 1500, Mem: 1_024_000}, pool.Resources)
	assert.Equal(t, scheduler.Role("prod"), pool.Role)
	assert.Equal(t, scheduler.DrainPolicy{Deadline: scheduler.Duration(5 * time.Minute), Then: scheduler.Wait}, pool.Drain)
	assert.Equal(t, scheduler.DefaultPool().Overhead, pool.Overhead)
	assert.True(t, pool.Reserve)
	assert.Equal(t, 2, pool.MaxUnavailable)
}

func TestBadPoolFlagsNameFieldValueAndWish(t *testing.T) {
	for text, says := range map[string][]string{
		"":                                               {`"", want KEY=VALUE`, "name"},
		"name=w,nodes=3,cpus=1,mem=1,colour=2":           {`unknown key "colour", want one of name, nodes`},
		"name=w,nodes=-1,cpus=1,mem=1":                   {"nodes is -1, want a whole number, 0 or more"},
		"name=w,nodes=x,cpus=1,mem=1":                    {`nodes is x, want a whole number`},
		"name=w,nodes=1,nodes=2,cpus=1,mem=1":            {"nodes is there twice"},
		"name=w,nodes=1,cpus=1,mem=1,reserve=perhaps":    {`reserve: "perhaps", want true or false`},
		"name=w,nodes=1,cpus=1,mem=1,reserve=true":       {`reserve is true, want a role other than "*"`},
		"name=w,nodes=1,cpus=1,mem=1,max-unavailable=x":  {`max-unavailable: "x", want a whole number`},
		"name=w,nodes=1,cpus=1,mem=1,max-unavailable=-1": {"maxUnavailable, maxSurge is -1, 0, want 0 or more"},
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
	const good = "name: w, nodes: 1, resources: {cpus: 1, mem: 1}"
	for text, says := range map[string][]string{
		"pools: [{" + good + ", colour: red}]": {`pool 1, "w": colour is "red": json: unknown field "colour"`},
		"pool: []":                             {`unknown field "pool"`},
		"pools: [":                             {"not YAML"},
		"pools: [3]":                           {`"3" is no pool`},
		"pools: {w: {nodes: 1}}":               {"want a list of pools"},
		"pools: [{" + good + "}]\n---\npools: [{" + good + "}]":                            {"something behind the first document"},
		"pools: [{" + good + ", name: v}]":                                                 {`"name" already set`},
		"pools: [{name: w, nodes: one, resources: {cpus: 1, mem: 1}}]":                     {`nodes is "one"`},
		"pools: [{name: w, nodes: 1, resources: {cpus: 1, mem: 1, memory: 1}}]":            {`resources is {"cpus":1,"mem":1,"memory":1}: json: unknown field "memory"`},
		"pools: [{" + good + "}, {" + good + "}]":                                          {`pool "w" is there twice`},
		"pools: [{" + good + ", taints: [x]}]":                                             {`taints is "x", want key=value:Effect`},
		"pools: [{" + good + ", colour: red, drain: {deadline: soon}}, {name: v, mem: 1}]": {"colour", `"soon" is not a duration`, `pool 2, "v": mem is 1: json: unknown field`},
		"pools: [{" + good + ", kubelet: {systemReserved: {cpu: 1}, maxPodz: 1}}]":         {"kubeletConfiguration.systemReserved may not be set", "maxPodz"},
		"pools: [{" + good + ", kubelet: 3}]":                                              {"kubelet is 3, want an object"},
		"pools: [{" + good + ", constraints: [[rack, ABOUT, x]]}]":                         {`constraints[0] is ["rack","ABOUT","x"], want an operator`},
		"pools: [{" + good + ", constraints: [rack]}]":                                     {"constraints is", "is not a constraint"},
		"pools: [{name: a, nodes: all, resources: {cpus: 1, mem: 1}}, {" + good + "}]":     {`pools "a" and "w" may want the same hosts`},
		"pools: [{" + good + ", labels: {node-role.kubernetes.io/worker: x}}]":             {`labels is "node-role.kubernetes.io/worker", want a key that a kubelet may set`},
	} {
		_, err := parsePools([]byte(text))
		for _, want := range says {
			require.ErrorContains(t, err, want, text)
		}
	}
	_, err := ReadPools("/does/not/exist")
	require.ErrorContains(t, err, `--pools is "/does/not/exist", want a readable pools file`)
}

func TestPoolsThatLeaveTheirNumberUnsaidKeepIt(t *testing.T) {
	command, err := parsePools([]byte("pools: [{name: w, resources: {cpus: 1, mem: 1}}, {name: v, nodes: 0, resources: {cpus: 1, mem: 1}}]"))
	require.NoError(t, err)
	require.Equal(t, []scheduler.PoolName{"w"}, command.KeepNodes)
}

// FuzzPoolsFile: a text is refused, or it is pools that hold together, and each of them reads back as it is.
func FuzzPoolsFile(f *testing.F) {
	f.Add(everything)
	f.Add("pools: [{name: w, resources: {cpus: 1, mem: 1}}]")
	f.Add("pools: null\n---\n")
	f.Add("pools: [null, 3, {name: [w]}]")
	f.Fuzz(func(t *testing.T, text string) {
		command, err := parsePools([]byte(text))
		if err != nil {
			return
		}
		require.NoError(t, checkPools(command.Pools))
		var printed strings.Builder
		require.NoError(t, operator.WritePools(&printed, viewOf(command.Pools)))
		again, err := parsePools([]byte(printed.String()))
		require.NoError(t, err, printed.String())
		require.Len(t, again.Pools, len(command.Pools))
		for i, pool := range command.Pools {
			names, err := differences(pool, again.Pools[i])
			require.NoError(t, err)
			require.Empty(t, names, printed.String())
		}
	})
}
