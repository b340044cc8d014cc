package hollow

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/wire"
)

// client is a scheduler that costs as little as one can, in protobuf. Its calls go over one connection; whether it waits for
// an answer before the next call is for the caller to say.
type client struct {
	t        testing.TB
	addr     string
	streamID string
	id       *mesos.FrameworkID
	stream   io.Closer
	events   *bufio.Reader
	record   []byte
	// frame is the size of the last event, frameAt when all of it was read.
	frame   int
	frameAt time.Time

	calls    net.Conn
	out      *bufio.Writer
	answers  *bufio.Reader
	body     []byte
	sent     int
	answered int
}

var testFramework = mesos.FrameworkInfo{
	User: "root", Name: "null", Roles: []string{"workers"}, FailoverTimeout: new(3600.0), Checkpoint: new(true),
	Capabilities: []mesos.FrameworkInfo_Capability{
		{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE},
		{Type: mesos.FrameworkInfo_Capability_TASK_KILLING_STATE},
		{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE},
		{Type: mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT},
	},
}

// subscribe subscribes, again with an id that is not nil.
func subscribe(t testing.TB, addr string, id *mesos.FrameworkID) *client {
	t.Helper()
	info := testFramework
	info.ID = id
	call := scheduler.Call{Type: scheduler.Call_SUBSCRIBE, FrameworkID: id, Subscribe: &scheduler.Call_Subscribe{FrameworkInfo: &info}}
	body, err := call.Marshal()
	require.NoError(t, err)
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/api/v1/scheduler", bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", wire.TypeProtobuf)
	r.Header.Set("Accept", wire.TypeProtobuf)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	c := &client{t: t, addr: addr, streamID: resp.Header.Get("Mesos-Stream-Id"), stream: resp.Body, events: bufio.NewReaderSize(resp.Body, 1<<16)}
	t.Cleanup(c.close)
	c.id = c.next(scheduler.Event_SUBSCRIBED).Subscribed.FrameworkID
	c.calls, err = net.Dial("tcp", addr)
	require.NoError(t, err)
	c.out, c.answers = bufio.NewWriterSize(c.calls, 1<<16), bufio.NewReaderSize(c.calls, 1<<16)
	return c
}

func (c *client) close() {
	c.stream.Close() // a test's
	c.calls.Close()  // a test's
}

// read reads one event; nil when the stream has ended.
func (c *client) read() *scheduler.Event {
	line, err := c.events.ReadString('\n')
	if err != nil {
		return nil
	}
	c.frame, err = strconv.Atoi(strings.TrimSpace(line))
	require.NoError(c.t, err)
	if cap(c.record) < c.frame {
		c.record = make([]byte, c.frame)
	}
	if _, err := io.ReadFull(c.events, c.record[:c.frame]); err != nil {
		return nil
	}
	c.frameAt = time.Now()
	event := &scheduler.Event{}
	require.NoError(c.t, event.Unmarshal(c.record[:c.frame]))
	return event
}

// next passes over events until one of the type.
func (c *client) next(want scheduler.Event_Type) *scheduler.Event {
	c.t.Helper()
	for {
		event := c.read()
		require.NotNil(c.t, event, "the stream has ended")
		if event.Type == want {
			return event
		}
	}
}

// write queues a call; flush sends what is queued.
func (c *client) write(call *scheduler.Call) {
	call.FrameworkID = c.id
	n := call.Size()
	if cap(c.body) < n {
		c.body = make([]byte, 2*n)
	}
	_, err := call.MarshalTo(c.body[:n])
	require.NoError(c.t, err)
	fmt.Fprintf(c.out, "POST /api/v1/scheduler HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nMesos-Stream-Id: %s\r\nContent-Length: %d\r\n\r\n",
		c.addr, wire.TypeProtobuf, c.streamID, n)
	c.out.Write(c.body[:n]) // flush has the error
	c.sent++
}

func (c *client) flush() { require.NoError(c.t, c.out.Flush()) }

// answer reads one answer.
func (c *client) answer() {
	resp, err := http.ReadResponse(c.answers, nil)
	require.NoError(c.t, err)
	if resp.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(resp.Body) // it explains a failure
		require.Equal(c.t, 202, resp.StatusCode, "%s", text)
	}
	resp.Body.Close() // it is empty
	c.answered++
}

// call makes one call and waits for its answer.
func (c *client) call(call *scheduler.Call) {
	c.write(call)
	c.flush()
	c.answer()
}

// launch accepts an offer with one task, as the framework of this repository describes a node.
func launch(offer *mesos.Offer, task string) *scheduler.Call {
	variables := make([]mesos.Environment_Variable, 0, 4)
	for _, v := range []string{"K8S_NODE", "K8S_POOL", "K8S_SPEC", "K8S_MASTER"} {
		variables = append(variables, mesos.Environment_Variable{Name: v, Type: mesos.Environment_Variable_VALUE.Enum(), Value: &task})
	}
	return &scheduler.Call{Type: scheduler.Call_ACCEPT, Accept: &scheduler.Call_Accept{
		OfferIDs: []mesos.OfferID{offer.ID},
		Filters:  &mesos.Filters{RefuseSeconds: new(3600.0)},
		Operations: []mesos.Offer_Operation{{Type: mesos.Offer_Operation_LAUNCH, Launch: &mesos.Offer_Operation_Launch{
			TaskInfos: []mesos.TaskInfo{{
				Name: task, TaskID: mesos.TaskID{Value: task}, AgentID: offer.AgentID,
				Resources:  []mesos.Resource{scalar("cpus", 14), scalar("mem", 60000), scalar("disk", 100000)},
				KillPolicy: &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: 3e11}},
				Labels:     &mesos.Labels{Labels: []mesos.Label{{Key: "node", Value: &task}, {Key: "pool", Value: new("workers")}}},
				Executor: &mesos.ExecutorInfo{
					Type: mesos.ExecutorInfo_CUSTOM, ExecutorID: mesos.ExecutorID{Value: task + ".executor"}, Name: &task,
					Resources: []mesos.Resource{scalar("cpus", 0.5), scalar("mem", 512)},
					Data:      bytes.Repeat([]byte("spec "), 300),
					Command: &mesos.CommandInfo{
						Shell: new(false), Value: new("./k8s-executor"), Arguments: []string{"k8s-executor", "--spec=stdin"},
						URIs:        []mesos.CommandInfo_URI{{Value: "http://files.example.com/k8s-executor", Executable: new(true), Extract: new(false)}},
						Environment: &mesos.Environment{Variables: variables},
					},
				},
			}},
		}}},
	}}
}

func scalar(name string, v float64) mesos.Resource {
	return mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: v}}
}

func acknowledge(s *mesos.TaskStatus) *scheduler.Call {
	return &scheduler.Call{Type: scheduler.Call_ACKNOWLEDGE, Acknowledge: &scheduler.Call_Acknowledge{
		AgentID: *s.AgentID, TaskID: s.TaskID, UUID: s.UUID,
	}}
}
