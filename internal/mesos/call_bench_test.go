package mesos

import (
	"fmt"
	"testing"
	"time"

	"k8s-framework/scheduler"
)

// BenchmarkEncodeCall makes the bytes of a call of the core's words, without sending them.
func BenchmarkEncodeCall(b *testing.B) {
	var declined []scheduler.OfferID
	for i := range 100 {
		declined = append(declined, scheduler.OfferID(fmt.Sprintf("7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-O%d", i)))
	}
	executor := Executor{
		Name: "kubelet of agent-1", Command: "/opt/k8s-executor", Arguments: []string{"/opt/k8s-executor"},
		Data: make([]byte, 1000), ShutdownGrace: time.Minute, KillGrace: time.Minute,
	}
	who := speaker{id: "7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-0000", renderer: renders{executor: executor}}
	for _, each := range []struct {
		name string
		call scheduler.Call
	}{
		{"accept", scheduler.Accept{Agent: "S1", Offers: declined[:1], Launches: []scheduler.Launch{launch()}, Refuse: time.Second}},
		{"acknowledge", scheduler.Acknowledge{Task: "workers-17.1", Agent: "S1", Update: "0123456789abcdef"}},
		{"decline", scheduler.Decline{Offers: declined, Refuse: time.Hour}},
	} {
		b.Run(each.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				message, err := who.encode(each.call)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := message.Marshal(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
