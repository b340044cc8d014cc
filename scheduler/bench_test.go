package scheduler

import (
	"fmt"
	"testing"
	"time"
)

// benchStart is the time at which benchmarks run.
var benchStart = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// benchOffers are the offers of so many agents, in 40 racks and three zones, reserved in part.
func benchOffers(n int) []Offer {
	offers := make([]Offer, n)
	for i := range offers {
		offers[i] = Offer{
			ID: OfferID(fmt.Sprintf("8a3b6f52-O%d", i)), Agent: AgentID(fmt.Sprintf("8a3b6f52-S%d", i)), Host: Hostname(fmt.Sprintf("agent%d.example.com", i)),
			Role: "k8s", Region: "eu", Zone: fmt.Sprintf("eu-%d", i%3),
			Attributes: []Attribute{{"rack", fmt.Sprintf("r%d", i%40)}, {"kind", [...]string{"a", "b", "c", "d"}[i%4]}},
			Resources: []Resource{
				{Name: "cpus", Amount: 8000, Role: "k8s", Reservations: []Reservation{{Role: "k8s"}}},
				{Name: "cpus", Amount: 8000, Role: "k8s"},
				{Name: "mem", Amount: 65_536_000, Role: "k8s"},
				{Name: "disk", Amount: 1_000_000_000, Role: "k8s"},
				{Name: "ports", Role: "k8s", Ranges: Ranges{{31000, 32000}}},
			},
		}
	}
	return offers
}

// benchPools are five pools that share the offers.
func benchPools(nodes Count) []PoolRecord {
	constraints := [][]Constraint{
		{{"kind", Is, "a"}, {"@zone", GroupBy, "3"}},
		{{"kind", Like, "b|c"}, {"hostname", Unlike, "agent13.*"}},
		{{"rack", MaxPer, "50"}, {"kind", Unlike, "a"}},
		{{"rack", GroupBy, ""}, {"hostname", Unique, ""}},
		{{"kind", Like, "d"}},
	}
	var pools []PoolRecord
	for i, each := range constraints {
		p := DefaultPool()
		p.Name, p.Nodes, p.Role, p.Constraints = PoolName(fmt.Sprintf("pool%d", i)), nodes, "k8s", each
		p.Resources = Resources{CPUs: 4000, Mem: 16_384_000}
		pools = append(pools, NewPoolRecord(p))
	}
	return pools
}

// benchCore is a core that is subscribed and sees Kubernetes.
func benchCore(b *testing.B, pools []PoolRecord) *Core {
	b.Helper()
	core, err := New(DefaultConfig(), State{Meta: Meta{FrameworkID: "fw-1"}, Pools: pools})
	if err != nil {
		b.Fatal(err)
	}
	core.Step(benchStart, Subscribed{Framework: "fw-1", Master: "m:5050"}, KubeSynced{})
	return core
}

// benchLaunched is a core of which so many nodes run.
func benchLaunched(b *testing.B, n int) *Core {
	b.Helper()
	p := DefaultPool()
	p.Name, p.Nodes, p.Role, p.Resources = "workers", Count(n), "k8s", Resources{CPUs: 4000, Mem: 16_384_000}
	p.Labels = map[string]string{"tier": "web"}
	core := benchCore(b, []PoolRecord{NewPoolRecord(p)})
	plan := core.Step(benchStart, Offered{benchOffers(n)})
	var events []Event
	for _, call := range plan.Calls {
		if accept, is := call.(Accept); is {
			node := accept.Launches[0].Node
			events = append(events, TaskUpdated{Task: node.Tasks[0].ID, Agent: node.Agent, State: TaskRunning})
		}
	}
	core.Step(benchStart, events...)
	return core
}

// benchRunning is a core of which so many nodes are Ready.
func benchRunning(b *testing.B, n int) (*Core, time.Time) {
	b.Helper()
	core := benchLaunched(b, n)
	var events []Event
	for _, node := range core.order {
		events = append(events, KubeNodeSeen{KubeNode{
			Host: node.Host, ProviderID: node.Name.ProviderID("fw-1"), Ready: true, AllocatableCPU: 4000, AllocatableMem: node.Slice().MemBytes(),
		}})
	}
	core.Step(benchStart, events...)
	if view := core.View(benchStart); view.Pools[0].Phases[Ready] != n || !view.Pools[0].Rollout.Done {
		b.Fatalf("%d nodes are Ready, want %d", view.Pools[0].Phases[Ready], n)
	}
	now := benchStart.Add(time.Minute)
	core.Step(now, Ticked{})
	return core, now
}

// BenchmarkMatch offers agents to five pools with constraints: 5,000 nodes are placed, the rest is declined with reasons.
func BenchmarkMatch(b *testing.B) {
	for _, agents := range []int{1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			offers := benchOffers(agents)
			for b.Loop() {
				b.StopTimer()
				core := benchCore(b, benchPools(1000))
				b.StartTimer()
				core.Step(benchStart, Offered{offers})
			}
			b.ReportMetric(float64(agents)*float64(b.N)/b.Elapsed().Seconds(), "offers/s")
		})
	}
}

// BenchmarkMatchNothing offers agents that no pool can use: every offer is declined with a reason for each pool.
func BenchmarkMatchNothing(b *testing.B) {
	const agents = 50_000
	pools := benchPools(1000)
	for i := range pools {
		pools[i].Resources.CPUs = 64_000
	}
	offers, core := benchOffers(agents), benchCore(b, pools)
	for b.Loop() {
		core.Step(benchStart, Offered{offers})
	}
	b.ReportMetric(agents*float64(b.N)/b.Elapsed().Seconds(), "offers/s")
}

// BenchmarkStepIdle is a Step with so many Ready nodes and nothing to do. What it allocates must not grow with the nodes.
func BenchmarkStepIdle(b *testing.B) {
	for _, nodes := range []int{1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			core, now := benchRunning(b, nodes)
			b.ReportAllocs()
			for b.Loop() {
				core.Step(now, Ticked{})
			}
		})
	}
}

// BenchmarkStepScan is a Step that visits every node, since none is settled: they run, and Kubernetes has said nothing of them yet.
func BenchmarkStepScan(b *testing.B) {
	for _, nodes := range []int{1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			core := benchLaunched(b, nodes)
			if view := core.Overview(benchStart); view.Pools[0].Phases[NotReady] != nodes {
				b.Fatalf("phases are %v, want %d NotReady", view.Pools[0].Phases, nodes)
			}
			b.ReportAllocs()
			for b.Loop() {
				core.Step(benchStart.Add(time.Second), Ticked{})
			}
		})
	}
}

// BenchmarkStepOffers is a Step with 10,000 offers and 10,000 nodes to launch on them.
func BenchmarkStepOffers(b *testing.B) {
	for _, agents := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("offers=%d", agents), func(b *testing.B) {
			p := DefaultPool()
			p.Name, p.Nodes, p.Role, p.Resources = "workers", Count(agents), "k8s", Resources{CPUs: 4000, Mem: 16_384_000}
			offers := benchOffers(agents)
			for b.Loop() {
				b.StopTimer()
				core := benchCore(b, []PoolRecord{NewPoolRecord(p)})
				b.StartTimer()
				core.Step(benchStart, Offered{offers})
			}
		})
	}
}

// BenchmarkStepUpdates is a Step with 1,000 status updates among 10,000 nodes, as the loop takes them together.
func BenchmarkStepUpdates(b *testing.B) {
	core, now := benchRunning(b, 10_000)
	var events []Event
	for _, n := range core.order[:1000] {
		events = append(events, TaskUpdated{Task: n.Tasks[0].ID, Agent: n.Agent, State: TaskRunning, Update: "0123456789abcdef"})
	}
	for b.Loop() {
		core.Step(now, events...)
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}

// TestIdleStepsAllocateNothingPerNode: what a Step allocates that has nothing to do does not grow with the nodes.
func TestIdleStepsAllocateNothingPerNode(t *testing.T) {
	allocations := func(nodes int) float64 {
		var result float64
		testing.Benchmark(func(b *testing.B) {
			core, now := benchRunning(b, nodes)
			result = testing.AllocsPerRun(10, func() { core.Step(now, Ticked{}) })
			b.SkipNow()
		})
		return result
	}
	few, many := allocations(10), allocations(2000)
	if many > few {
		t.Fatalf("a Step with nothing to do allocates %v times with 2,000 nodes, %v times with 10", many, few)
	}
}
