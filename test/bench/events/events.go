// Package events makes the events that a Mesos master sends of a large cluster, for benchmarks.
//
// Start reading at Offers.
package events

import (
	"encoding/binary"
	"fmt"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// Framework is whom the events are for.
const Framework = "7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-0000"

// Offers is an event with offers of as many agents: reserved and unreserved resources, ports, attributes, a domain.
func Offers(offers int) *v1sched.Event {
	role, static := pointer("workers"), v1.Resource_ReservationInfo_STATIC
	allocation := &v1.Resource_AllocationInfo{Role: role}
	scalar := func(name string, value float64, reservations ...v1.Resource_ReservationInfo) v1.Resource {
		return v1.Resource{
			Name: name, Type: v1.SCALAR.Enum(), Scalar: &v1.Value_Scalar{Value: value}, AllocationInfo: allocation,
			Reservations: reservations,
		}
	}
	reserved := v1.Resource_ReservationInfo{Type: &static, Role: role}
	said := &v1sched.Event{Type: v1sched.Event_OFFERS, Offers: &v1sched.Event_Offers{}}
	for i := range offers {
		said.Offers.Offers = append(said.Offers.Offers, v1.Offer{
			ID:          v1.OfferID{Value: fmt.Sprintf("7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-O%d", i)},
			FrameworkID: v1.FrameworkID{Value: Framework},
			AgentID:     v1.AgentID{Value: fmt.Sprintf("7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-S%d", i)},
			Hostname:    fmt.Sprintf("agent-%05d.rack-%d.example.com", i, i%40),
			URL: &v1.URL{
				Scheme:  "http",
				Address: v1.Address{Hostname: pointer("agent.example.com"), IP: pointer("10.1.2.3"), Port: 5051},
				Path:    pointer("/slave(1)"),
			},
			Domain: &v1.DomainInfo{FaultDomain: &v1.DomainInfo_FaultDomain{
				Region: v1.DomainInfo_FaultDomain_RegionInfo{Name: "region-a"},
				Zone:   v1.DomainInfo_FaultDomain_ZoneInfo{Name: "zone-1"},
			}},
			AllocationInfo: allocation,
			Resources: []v1.Resource{
				{
					Name: "ports", Type: v1.RANGES.Enum(), AllocationInfo: allocation,
					Ranges: &v1.Value_Ranges{Range: []v1.Value_Range{{Begin: 31000, End: 31999}, {Begin: 32005, End: 32005}}},
				},
				scalar("cpus", 2, reserved), scalar("mem", 1024, reserved),
				scalar("cpus", 30.5), scalar("mem", 122880), scalar("disk", 1e6),
			},
			Attributes: []v1.Attribute{
				{Name: "rack", Type: v1.TEXT, Text: &v1.Value_Text{Value: fmt.Sprintf("r%d", i%40)}},
				{Name: "os", Type: v1.TEXT, Text: &v1.Value_Text{Value: "debian-12"}},
			},
		})
	}
	return said
}

// Updates are TASK_RUNNING of as many tasks, each of which wants to be acknowledged.
func Updates(tasks int) []*v1sched.Event {
	var all []*v1sched.Event
	for i := range tasks {
		executor, uuid := fmt.Sprintf("workers-%d", i), binary.BigEndian.AppendUint64(make([]byte, 8), uint64(i))
		all = append(all, &v1sched.Event{Type: v1sched.Event_UPDATE, Update: &v1sched.Event_Update{Status: v1.TaskStatus{
			TaskID:     v1.TaskID{Value: executor + ".1"},
			State:      v1.TASK_RUNNING.Enum(),
			Source:     v1.SOURCE_EXECUTOR.Enum(),
			AgentID:    &v1.AgentID{Value: fmt.Sprintf("7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-S%d", i)},
			ExecutorID: &v1.ExecutorID{Value: executor},
			Healthy:    pointer(true),
			UUID:       uuid,
		}}})
	}
	return all
}

func pointer[T any](value T) *T { return &value }
