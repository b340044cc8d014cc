package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"k8s-framework/framework"
)

func TestEnvironmentSetsFlagsThatTheCommandLineLeavesAlone(t *testing.T) {
	o := framework.DefaultOptions()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	addFlags(flags, &o)
	require.NoError(t, flags.Parse([]string{"--master=a:5050"}))
	environment := map[string]string{"K8S_FRAMEWORK_MASTER": "b:5050", "K8S_FRAMEWORK_ZK": "zk://c:2181/k8s"}
	lookup := func(name string) (string, bool) {
		value, set := environment[name]
		return value, set
	}
	require.NoError(t, fromEnvironment(flags, lookup))
	require.Equal(t, "a:5050", o.Master)
	require.Equal(t, "zk://c:2181/k8s", o.ZK)

	environment["K8S_FRAMEWORK_FAILOVER_TIMEOUT"] = "long"
	require.ErrorContains(t, fromEnvironment(flags, lookup), `K8S_FRAMEWORK_FAILOVER_TIMEOUT is "long"`)
}

func TestBadCommandLinesStartNothing(t *testing.T) {
	for line, says := range map[string]string{
		"":                                   "--master is \"\"",
		"--colour red":                       "unknown flag: --colour",
		"--pool name=w,nodes=1,cpus=1,mem=0": "resources.mem is 0",
		"--pools /none":                      "--pools is \"/none\"",
		"--log-level loud":                   "--log-level is \"loud\"",
		"--log-format xml":                   "--log-format is \"xml\"",
		"scale workers":                      "accepts 2 arg(s), received 1",
		"scale workers many":                 "NODES is \"many\", want a whole number",
		"scale workers 1 --wait --dry-run":   "--wait with --dry-run",
		"scale workers 1 --wait --timeout 0": "--timeout is 0s, want more than 0s",
		"pause workers --wait":               "unknown flag: --wait",
		"apply":                              "--file is \"\", want a pools file",
		"apply -f /none":                     "--file is \"/none\", want a readable pools file",
		"apply pools.yaml":                   "unknown command \"pools.yaml\" for \"k8s-framework apply\"",
		"teardown":                           "--yes is not there",
		"restart":                            "accepts 1 arg(s), received 0",
		"scale workers 2 --server :x/y":      "--server is \":x/y\"",
		"status -o xml":                      "--output is \"xml\", want table or json",
		"stat":                               "unknown command \"stat\"",
	} {
		root := command()
		root.SetArgs(strings.Fields(line))
		require.ErrorContains(t, root.ExecuteContext(t.Context()), says, line)
	}
}
