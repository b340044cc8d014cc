//go:build bench

package scale_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/process"
	"k8s-framework/internal/local/site"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }

const pool = "workers"

// cluster is a site of hollow agents.
type cluster struct {
	*site.Site
	agents     int
	wanted     int        // nodes
	connection *gozk.Conn // nil: there is none yet
}

// startCluster starts so many agents and instances of the framework, and waits until all agents are registered and an instance leads.
func startCluster(t testing.TB, agents, instances int) *cluster {
	t.Helper()
	leave(t) // there is room for one
	s, err := site.Start(context.WithoutCancel(t.Context()), site.Options{
		HollowAgents: agents, Masters: 1, Instances: instances, ZooKeeperHeap: 2048,
		InstanceFlags:  []string{"--pool=name=" + pool + ",nodes=0,cpus=12,mem=60000", "--profiling", "--kube-api-qps=1000", "--kube-api-burst=1000"},
		APIServerFlags: []string{"--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000"},
	})
	require.NoError(t, err)
	c := &cluster{Site: s, agents: agents}
	c.await(t, "all agents to be registered", func(now counts) bool { return now.Agents.Registered == int64(agents) })
	_, err = s.LeadingInstance(t.Context())
	require.NoError(t, err)
	return c
}

// close ends everything, for another cluster to be started.
func (c *cluster) close(t testing.TB) {
	if c.connection != nil {
		c.connection.Close()
	}
	require.NoError(t, c.Close(context.Background()))
}

// zk is a connection to ZooKeeper.
func (c *cluster) zk(t testing.TB) *gozk.Conn {
	if c.connection == nil {
		connection, _, err := gozk.Connect([]string{c.ZooKeeper.Address()}, 10*time.Second, gozk.WithLogInfo(false))
		require.NoError(t, err)
		c.connection = connection
	}
	return c.connection
}

// counter is a master.Counter.
type counter struct{ Number, First, Last int64 }

// counts are what mesos-hollow has counted.
type counts struct {
	Master struct {
		Subscribed, Read, Written, Offers, Launched, Reconciled, Refused counter
		Calls, Events                                                    map[string]counter
	}
	Agents struct{ Registered, Running, Updates, Repeated, Acknowledged int64 }
}

func (c *cluster) counts(t testing.TB) (now counts) {
	t.Helper()
	answer, err := http.Get("http://" + c.Masters[0].Address + "/hollow/counts")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&now))
	return now
}

// await waits until the counts are as wanted. What happened when, the counts say themselves.
func (c *cluster) await(t testing.TB, what string, wanted func(counts) bool) counts {
	t.Helper()
	var now counts
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	require.NoError(t, process.WaitFor(ctx, what, func(context.Context) error {
		if now = c.counts(t); !wanted(now) {
			return fmt.Errorf("%+v", now)
		}
		return nil
	}))
	return now
}

// usage is what a process has used since it was started.
type usage struct {
	cpu       time.Duration
	rss, peak int64 // bytes
	// metrics are those of /metrics without labels, by name.
	metrics map[string]float64
}

// used reads what an instance has used.
func used(t testing.TB, i *site.Instance) usage {
	t.Helper()
	u := usage{metrics: map[string]float64{}}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", i.Pid()))
	require.NoError(t, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	for _, ticks := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(ticks)
		require.NoError(t, err)
		u.cpu += time.Duration(n) * 10 * time.Millisecond
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.Pid()))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			u.rss = kib << 10
		} else if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			u.peak = kib << 10
		}
	}
	answer, err := http.Get("http://" + i.Address + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			u.metrics[name] = number
		}
	}
	return u
}

// since is what was used after an earlier look.
func (u usage) since(before usage, name string) float64 {
	return u.metrics[name] - before.metrics[name]
}

// profile writes a profile of an instance to the folder that PROFILES names; none if it names none.
func profile(t testing.TB, i *site.Instance, kind string) {
	folder := os.Getenv("PROFILES")
	if folder == "" {
		return
	}
	answer, err := http.Get("http://" + i.Address + "/debug/pprof/" + kind)
	require.NoError(t, err)
	defer answer.Body.Close()
	file, err := os.Create(filepath.Join(folder, strings.ReplaceAll(t.Name(), "/", "_")+"_"+kind))
	require.NoError(t, err)
	_, err = io.Copy(file, answer.Body)
	require.NoError(t, errors.Join(err, file.Close()))
}
