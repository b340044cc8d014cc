package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"k8s-framework/internal/kube/api"
	"k8s-framework/scheduler"
)

// serve answers each request with the next text; after the last it hangs until the client leaves. What a real server does is
// tested with a real one.
func serve(t *testing.T, answers ...string) *api.Client {
	t.Helper()
	next := make(chan string, len(answers))
	for _, answer := range answers {
		next <- answer
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case answer := <-next:
			_, _ = w.Write([]byte(answer))
		default:
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	client, err := api.New(&rest.Config{Host: server.URL, QPS: 1000, Burst: 1000})
	require.NoError(t, err)
	return client
}

// node is a Node as the API server writes it.
func node(name, uid string, version int, ready, allocatable, heartbeat string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"uid":%q,"resourceVersion":"%d","creationTimestamp":"2026-01-02T03:04:05Z",
		"labels":{"a":"b"},"managedFields":[{"manager":"kubelet"}]},
		"spec":{"providerID":"mesos://f/%s","podCIDR":"10.0.0.0/24"},
		"status":{"allocatable":%s,"images":[{"names":["x"]}],"conditions":[
			{"type":"MemoryPressure","status":"False","lastHeartbeatTime":%q},
			{"type":"Ready","status":%q,"message":"m","lastHeartbeatTime":%q}]}}`, name, uid, version, name, allocatable, heartbeat, ready, heartbeat)
}

func list(version int, items string) string {
	return fmt.Sprintf(`{"metadata":{"resourceVersion":"%d"},"items":[%s]}`, version, items)
}

func event(kind, object string) string { return fmt.Sprintf(`{"type":%q,"object":%s}`, kind, object) }

const expired = `{"type":"ERROR","object":{"kind":"Status","status":"Failure","code":410,"reason":"Expired"}}`

// watch returns the first events that a Watcher tells.
func watch(t *testing.T, client *api.Client, want int) []scheduler.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var told []scheduler.Event
	NewWatcher(client, nil).Watch(ctx, func(e scheduler.Event) {
		if told = append(told, e); len(told) == want {
			cancel()
		}
	})
	require.Len(t, told, want)
	return told
}

const slice = `{"cpu":"1500m","memory":"1Gi"}`

func seen(host, uid string, ready bool) scheduler.KubeNodeSeen {
	return scheduler.KubeNodeSeen{Node: scheduler.KubeNode{
		Host: scheduler.Hostname(host), UID: scheduler.UID(uid), ProviderID: "mesos://f/" + host, Ready: ready, ReadyWhy: "m",
		AllocatableCPU: 1500, AllocatableMem: 1 << 30, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}}
}

func TestWatcherTellsWhatIsThereThenWhatChanges(t *testing.T) {
	client := serve(t,
		list(5, node("a", "1", 3, "True", slice, "t0")+","+node("b", "2", 5, "False", slice, "t0")),
		event("MODIFIED", node("a", "1", 6, "True", slice, "t1"))+ // a heartbeat
			event("MODIFIED", node("b", "2", 7, "True", slice, "t1"))+
			event("MODIFIED", node("a", "1", 8, "Unknown", slice, "t1"))+
			event("DELETED", node("b", "2", 9, "True", slice, "t1")))
	assert.Equal(t, []scheduler.Event{
		seen("a", "1", true), seen("b", "2", false),
		scheduler.KubeSynced{},
		seen("b", "2", true), seen("a", "1", false),
		scheduler.KubeNodeDeleted{Host: "b"},
	}, watch(t, client, 6))
}

func TestWatcherTellsTheTruthAfterAnOutage(t *testing.T) {
	client := serve(t,
		list(5, node("a", "1", 1, "True", slice, "t0")+","+node("b", "2", 2, "True", slice, "t0")+","+node("c", "3", 3, "True", slice, "t0")),
		expired,
		// b is gone, c was deleted and made anew, a is as it was, d is new.
		list(20, node("a", "1", 18, "True", slice, "t9")+","+node("c", "4", 19, "True", slice, "t9")+","+node("d", "5", 20, "True", slice, "t9")))
	assert.Equal(t, []scheduler.Event{
		seen("a", "1", true), seen("b", "2", true), seen("c", "3", true),
		scheduler.KubeSynced{},
		scheduler.KubeNodeDeleted{Host: "c"},
		seen("c", "4", true), seen("d", "5", true),
		scheduler.KubeNodeDeleted{Host: "b"},
	}, watch(t, client, 8))
}

func TestWatcherOfAnEmptyClusterIsSynced(t *testing.T) {
	assert.Equal(t, []scheduler.Event{scheduler.KubeSynced{}}, watch(t, serve(t, list(1, "")), 1))
}

func TestNodeWithoutStatusIsNotReady(t *testing.T) {
	told := watch(t, serve(t, list(1, `{"metadata":{"name":"a"},"spec":{"unschedulable":true}}`)), 2)
	assert.Equal(t, []scheduler.Event{scheduler.KubeNodeSeen{Node: scheduler.KubeNode{
		Host: "a", Unschedulable: true, ReadyWhy: "its kubelet has posted no status yet",
	}}, scheduler.KubeSynced{}}, told)
}

// A list of ten thousand nodes of 10 KB each: what stays in memory is what the scheduler reads.
func BenchmarkWatcherListsTenThousandNodes(b *testing.B) {
	const nodes = 10_000
	padding := strings.Repeat("x", 10<<10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "true" {
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, `{"metadata":{"resourceVersion":"1"},"items":[`)
		for i := range nodes {
			if i > 0 {
				fmt.Fprint(w, ",")
			}
			one := node(fmt.Sprintf("host-%d", i), "u", 1, "True", slice, "t0")
			fmt.Fprint(w, strings.Replace(one, `"manager":"kubelet"`, `"manager":"`+padding+`"`, 1))
		}
		fmt.Fprint(w, "]}")
	}))
	defer server.Close()
	client, err := api.New(&rest.Config{Host: server.URL})
	require.NoError(b, err)
	for b.Loop() {
		var before, peak, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		ctx, cancel := context.WithCancel(b.Context())
		w := NewWatcher(client, nil)
		seen := 0
		w.Watch(ctx, func(e scheduler.Event) {
			if seen++; seen%1000 == 0 {
				var now runtime.MemStats
				if runtime.ReadMemStats(&now); now.HeapInuse > peak.HeapInuse {
					peak = now
				}
			}
			if _, synced := e.(scheduler.KubeSynced); synced {
				cancel()
			}
		})
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/nodes, "B-kept/node")
		b.ReportMetric(float64(peak.HeapInuse)/1e6, "MB-peak-heap")
		runtime.KeepAlive(w)
	}
}

// answers is an API server without a network.
type answers func(*http.Request) string

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(a(r))), Request: r}, nil
}

// BenchmarkWatcherSeesChanges reads a watch of a hundred changes of a Node.
func BenchmarkWatcherSeesChanges(b *testing.B) {
	const changes = 100
	change := event("MODIFIED", node("host-1", "u", 1, "True", slice, "t1")) + event("MODIFIED", node("host-1", "u", 2, "False", slice, "t2"))
	stream := strings.Repeat(change, changes/2)
	client, err := api.New(&rest.Config{Host: "http://api", QPS: 1e9, Transport: answers(func(r *http.Request) string {
		if r.URL.Query().Get("watch") == "true" {
			return stream
		}
		return list(1, "")
	})})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		seen := 0
		NewWatcher(client, nil).Watch(ctx, func(e scheduler.Event) {
			if _, is := e.(scheduler.KubeNodeSeen); is {
				seen++
			}
			if seen == changes {
				cancel()
			}
		})
		if seen != changes {
			b.Fatalf("%d changes were seen", seen)
		}
	}
	b.ReportMetric(changes*float64(b.N)/b.Elapsed().Seconds(), "changes/s")
}
