//go:build e2e

package count

import "strings"

// path is a benchmark whose loop does in each round what happens often, or to many at once, and nothing else of weight.
type path struct {
	pkg, benchmark string
	// rounds are as many as make the loop outweigh what set-up varies by: a hundred million instructions are plenty.
	rounds int
}

func (p path) String() string { return p.pkg + " " + p.benchmark }

// pattern matches this benchmark and no other.
func (p path) pattern() string { return "^" + strings.ReplaceAll(p.benchmark, "/", "$/^") + "$" }

// What a Step costs when nothing happens must not depend on how many nodes there are.
var (
	idle     = path{"scheduler", "BenchmarkStepIdle/nodes=1000", 10_000}
	idleMany = path{"scheduler", "BenchmarkStepIdle/nodes=10000", 10_000}
)

var paths = []path{
	// What Mesos says.
	{"internal/mesos/wire", "BenchmarkFrames", 200},
	{"internal/mesos", "BenchmarkDecodeOffers/who=ours/offers=1000", 10},
	{"internal/mesos", "BenchmarkDecodeUpdate", 10_000},
	// What Kubernetes says.
	{"internal/kube", "BenchmarkWatcherSeesChanges", 20},
	// What the core makes of it.
	{"scheduler", "BenchmarkMatch/agents=1000", 10},
	{"scheduler", "BenchmarkStepOffers/offers=1000", 10},
	{"scheduler", "BenchmarkStepUpdates", 100},
	{"scheduler", "BenchmarkStepScan/nodes=1000", 100},
	idle,
	idleMany,
	// What is done about it.
	{"zk", "BenchmarkRecord/encode", 2000},
	{"zk", "BenchmarkRecord/decode", 2000},
	{"framework", "BenchmarkRender/executor", 2000},
	{"framework", "BenchmarkRender/token", 20_000},
	{"internal/mesos", "BenchmarkEncodeCall/accept", 5000},
	{"internal/mesos", "BenchmarkEncodeCall/acknowledge", 50_000},
	{"internal/mesos", "BenchmarkEncodeCall/decline", 5000},
	{"internal/kube/drain", "BenchmarkLedger", 20},
}
