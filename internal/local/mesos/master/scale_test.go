package master

import (
	"fmt"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/flags"
	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

func newRegister(t testing.TB) *link.Reregister {
	list, err := flags.ParseResources(small)
	require.NoError(t, err)
	return &link.Reregister{Register: link.Register{Agent: mesos.AgentInfo{Hostname: "h", Resources: list}, IP: "127.0.0.1"}}
}

// A cluster of hollow agents: all of them register at once, and their offers come in one event. Nobody works while nothing
// happens.
func TestManyAgents(t *testing.T) {
	const agents = 1500
	addr, _ := start(t, "--registry=replicated_log", "--work_dir="+t.TempDir())
	conns := make([]*testAgent, agents)
	for i := range conns {
		conns[i] = &testAgent{t: t, info: agentInfo(t, fmt.Sprintf("agent%d.example", i), small, int32(10000+i))}
		conns[i].dial(addr)
		require.NoError(t, conns[i].conn.Send(&link.Register{Agent: conns[i].info, IP: "127.0.0.1", Total: conns[i].info.Resources}))
	}
	ids := map[string]bool{}
	for _, a := range conns {
		ids[receive[*link.Registered](a).AgentID.Value] = true
	}
	require.Len(t, ids, agents)
	s := subscribe(t, addr, "")
	offers := s.next(scheduler.Event_OFFERS).Offers.Offers
	require.Len(t, offers, agents, "all offers of a cycle are in one event")
	for _, o := range offers {
		delete(ids, o.AgentID.Value)
	}
	require.Empty(t, ids)
}

// BenchmarkAllocationCycle makes an offer of every agent, has all of them declined, and makes them again.
func BenchmarkAllocationCycle(b *testing.B) {
	for _, agents := range []int{1000, 10000, 50000} {
		b.Run(fmt.Sprint(agents), func(b *testing.B) {
			parsed, err := flags.ParseMaster([]string{"--registry=in_memory"}, nil)
			require.NoError(b, err)
			m := &Master{flags: parsed, counts: &Counts{}}
			m.reset()
			m.minimum, err = parseMinimum(parsed.MinAllocatableResources)
			require.NoError(b, err)
			r := newRegister(b)
			for i := range agents {
				a := newAgent(fmt.Sprintf("S%d", i), &r.Register)
				a.conn = &link.Conn{}
				m.agents[a.id], m.agentList = a, append(m.agentList, a)
			}
			f := newFramework(mesos.FrameworkInfo{Name: "f", Role: new("workers"), ID: &mesos.FrameworkID{Value: "f"}}, 0)
			f.active, f.stream, f.counts = true, wire.NewStream(wire.Protobuf), &Counts{}
			m.frameworks["f"] = f
			for b.Loop() {
				m.allocate()
				if len(f.offers) != agents {
					b.Fatalf("%d offers", len(f.offers))
				}
				for _, o := range f.offers {
					m.removeOffer(o, nil)
				}
				f.stream = wire.NewStream(wire.Protobuf)
			}
			b.ReportMetric(float64(agents)*float64(b.N)/b.Elapsed().Seconds(), "offers/s")
		})
	}
}
