package mesos_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

// BenchmarkAcknowledge is the cost of a call over loopback, of which so many are sent together; the server only reads and answers 202.
func BenchmarkAcknowledge(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		call := &v1sched.Call{}
		if err != nil || call.Unmarshal(body) != nil {
			return
		}
		if call.Type != v1sched.Call_SUBSCRIBE {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		(&stream{w: w, call: call, gone: r.Context().Done()}).subscribed(15)
		<-r.Context().Done()
	}))
	defer server.Close()
	leader, err := mesos.Static(server.Listener.Addr().String())
	require.NoError(b, err)
	client, err := mesos.New(mesos.Options{
		Leader: leader, Framework: mesos.Framework{User: "root", Name: "bench"}, Renderer: plain{},
	})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- client.Run(ctx, "", func(scheduler.Event) { close(ready) }) }()
	<-ready

	call := scheduler.Acknowledge{Task: "workers-1.1", Agent: "agent-1", Update: "0123456789abcdef"}
	for _, together := range []int{1, 1000} {
		b.Run(fmt.Sprintf("together=%d", together), func(b *testing.B) {
			for b.Loop() {
				var answers []func() error
				for range together {
					answers = append(answers, client.Send(ctx, call))
				}
				for _, answer := range answers {
					require.NoError(b, answer())
				}
			}
			b.ReportMetric(float64(together)*float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
	cancel()
	require.ErrorIs(b, <-ended, context.Canceled)
}
