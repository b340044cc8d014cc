// Command mesos-hollow is a Mesos cluster of thousands of agents in one process: the stand-in master with the flags of
// mesos-master, and hollow agents; see package internal/local/mesos/hollow for what they do and what they do not.
//
//	mesos-hollow --agents=10000 --ip=127.0.0.1 --port=5050 --registry=in_memory --quiet
//
// GET /hollow/counts says in JSON what was counted, with times in nanoseconds since 1970. POST /hollow/failover, or SIGUSR1, ends
// the leading master and starts another; agents and tasks stay. With --standby_port a second master stands by. The environment's
// GOMAXPROCS (1) and GOGC (400) are as for any Go program.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"k8s-framework/internal/local/mesos/flags"
	"k8s-framework/internal/local/mesos/hollow"
	"k8s-framework/internal/local/mesos/master"
)

func main() {
	os.Exit(run())
}

// region is everybody's, so that a framework that knows nothing of regions is offered everything.
const region = `{"fault_domain":{"region":{"name":"local"},"zone":{"name":"zone-%s"}}}`

// options are the command line.
type options struct {
	master                        *flags.Master
	number, standby               int
	hostname, resources           string
	attributes, domain            string
	delay, spread, heartbeatEvery time.Duration
}

func parse() (*options, error) {
	o := &options{master: flags.NewMaster("mesos-hollow")}
	s := o.master.Set
	s.Int(&o.number, "agents", 1000, "How many agents there are.")
	s.String(&o.hostname, "agent_hostname", "agent-", "What stands before the number in an agent's host name: agent-00001.example.com.")
	s.String(&o.resources, "agent_resources", "cpus:16;mem:65536;disk:1000000;ports:[31000-32000]", "What each agent has, as in mesos-agent's --resources.")
	s.String(&o.attributes, "agent_attributes", "rack:r{40}", "Attributes of each agent, as in mesos-agent's --attributes; {40} is the agent's number modulo 40.")
	s.String(&o.domain, "agent_domain", fmt.Sprintf(region, "{3}"), "Fault domain of each agent, as in mesos-agent's --domain; {3} is as in --agent_attributes.")
	s.Duration(&o.delay, "launch_delay", "0secs", "Time from a launch to TASK_STARTING and TASK_RUNNING.")
	s.Duration(&o.spread, "registration_spread", "1secs", "Time over which the agents register after they have lost their master.")
	s.Duration(&o.heartbeatEvery, "heartbeat_interval", "15secs", "Time between two HEARTBEAT events.")
	s.Int(&o.standby, "standby_port", 0, "The port of a second master, which needs --zk; 0 for none.")
	err := o.master.Parse(os.Args[1:], os.Environ())
	if o.master.Domain == "" {
		o.master.Domain = fmt.Sprintf(region, "0")
	}
	return o, err
}

// cluster makes the cluster that the flags describe.
func (o *options) cluster() (*hollow.Cluster, error) {
	resources, err := flags.ParseResources(o.resources)
	if err != nil {
		return nil, fmt.Errorf("--agent_resources: %w", err)
	}
	attributes, err := hollow.Numbered(o.attributes, o.number, flags.ParseAttributes)
	if err != nil {
		return nil, fmt.Errorf("--agent_attributes: %w", err)
	}
	domain, err := hollow.Numbered(o.domain, o.number, flags.ParseDomain)
	if err != nil {
		return nil, fmt.Errorf("--agent_domain: %w", err)
	}
	return hollow.NewCluster(hollow.ClusterOptions{
		Master: o.master, StandbyPort: o.standby, HeartbeatInterval: o.heartbeatEvery, Log: os.Stderr,
		Agents: hollow.Options{
			Number: o.number, Hostname: o.hostname, Resources: resources, Attributes: attributes, Domain: domain,
			Delay: o.delay, Spread: o.spread,
		},
	})
}

func run() int {
	o, err := parse()
	switch {
	case o.master.Help:
		fmt.Print(o.master.Set.Usage(nil))
		return 0
	case o.master.Version:
		fmt.Println("mesos", master.Version)
		return 0
	case err != nil:
		fmt.Fprint(os.Stderr, o.master.Set.Usage(err))
		return 1
	}
	// The scheduler under test shares the machine with us. Memory is cheaper than its time, and on one thread what goes from one
	// goroutine to another wakes nobody: half of what a call costs that waits for its answer.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	cluster, err := o.cluster()
	if err != nil {
		fmt.Fprintf(os.Stderr, "EXIT with status 1: %v\n", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	failover := make(chan os.Signal, 1)
	signal.Notify(failover, syscall.SIGUSR1)
	go func() { // ends with the process
		for range failover {
			cluster.Failover()
		}
	}()
	err = cluster.Run(ctx)
	switch {
	case errors.Is(err, master.ErrAborted):
		debug.SetTraceback("crash") // as mesos-master
		panic(err)
	case err != nil:
		fmt.Fprintf(os.Stderr, "EXIT with status 1: %v\n", err)
		return 1
	}
	return 0
}
