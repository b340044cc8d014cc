package mesos

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	v1 "github.com/mesos/mesos-go/api/v1/lib"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// Run with -rewrite to write the outcome anew, and read the difference.
func TestEventsBecomeTheCoresWords(t *testing.T) {
	datadriven.RunTest(t, "testdata/events.txt", func(t *testing.T, d *datadriven.TestData) string {
		decoded, err := decodeEvent(frameOf(t, d.Input))
		if err != nil {
			return "error: " + err.Error()
		}
		return show(decoded)
	})
}

// recorded are the frames of the events in testdata.
func recorded(t testing.TB) [][]byte {
	t.Helper()
	var frames [][]byte
	datadriven.RunTestAny(t, "testdata/events.txt", func(t testing.TB, d *datadriven.TestData) string {
		frames = append(frames, frameOf(t, d.Input))
		return d.Expected
	})
	return frames
}

// frameOf is the frame of an event that is given in JSON.
func frameOf(t testing.TB, text string) []byte {
	t.Helper()
	var said v1sched.Event
	require.NoError(t, json.Unmarshal([]byte(text), &said))
	frame, err := said.Marshal()
	require.NoError(t, err)
	return frame
}

// show writes what an event became, without what is empty.
func show(e event) string {
	switch {
	case e.failure != "":
		return "refused: " + e.failure
	case e.ignored != "":
		return "ignored: " + e.ignored
	case e.message != nil:
		return "message: " + string(e.message)
	case e.core == nil:
		return "(nothing)"
	}
	offered, is := e.core.(scheduler.Offered)
	if !is {
		return fmt.Sprintf("%T %s", e.core, fields(e.core))
	}
	lines := []string{fmt.Sprintf("%d offers", len(offered.Offers))}
	for _, offer := range offered.Offers {
		resources, attributes := offer.Resources, offer.Attributes
		offer.Resources, offer.Attributes = nil, nil
		lines = append(lines, fields(offer))
		for _, each := range resources {
			line := "  " + each.Name + " " + each.Amount.String() + " " + fields(each)
			if each.Special != "" {
				line += " (" + each.Special + ")"
			}
			lines = append(lines, line)
		}
		for _, each := range attributes {
			lines = append(lines, fmt.Sprintf("  %s=%q", each.Name, each.Value))
		}
	}
	return strings.Join(lines, "\n")
}

// fields is a struct in JSON without its empty fields; raw bytes of a uuid are in hex.
func fields(of any) string {
	if update, is := of.(scheduler.TaskUpdated); is {
		update.Update = scheduler.UpdateID(fmt.Sprintf("%x", string(update.Update)))
		of = update
	}
	text, err := json.Marshal(of)
	if err != nil {
		return err.Error()
	}
	var decoded map[string]any
	if err := json.Unmarshal(text, &decoded); err != nil {
		return err.Error()
	}
	for name, value := range decoded {
		if value == nil || value == "" || value == 0.0 {
			delete(decoded, name)
		}
	}
	text, err = json.Marshal(decoded)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestEveryTaskStateOfMesosHasAWord(t *testing.T) {
	words := map[scheduler.TaskState]bool{}
	for number, name := range v1.TaskState_name {
		state, known := fromState(v1.TaskState(number))
		assert.True(t, known, name)
		assert.Equal(t, name, "TASK_"+string(state))
		words[state] = true
	}
	for _, state := range scheduler.TaskStates() {
		assert.True(t, words[state], "%s is no state of Mesos", state)
	}
	state, known := fromState(99)
	assert.False(t, known)
	assert.Equal(t, scheduler.TaskUnknown, state)
}

func TestAStateOfTheFutureProvesNothing(t *testing.T) {
	status := &v1.TaskStatus{State: v1.TaskState(99).Enum(), UUID: []byte("0123456789abcdef")}
	update := fromStatus(status)
	assert.Equal(t, scheduler.TaskUnknown, update.State)
	assert.Contains(t, update.Message, "state number 99")
	assert.Equal(t, scheduler.UpdateID("0123456789abcdef"), update.Update, "it must be acknowledged nevertheless")
}

func TestEveryReasonKeepsItsName(t *testing.T) {
	for number, name := range v1.TaskStatus_Reason_name {
		assert.Equal(t, name, fromStatus(&v1.TaskStatus{Reason: v1.TaskStatus_Reason(number).Enum()}).Reason)
	}
	assert.Equal(t, "REASON_999", fromStatus(&v1.TaskStatus{Reason: v1.TaskStatus_Reason(999).Enum()}).Reason)
	assert.Empty(t, fromStatus(&v1.TaskStatus{}).Reason)
}

func TestHealthIsOneOfThree(t *testing.T) {
	assert.Equal(t, scheduler.HealthUnknown, fromStatus(&v1.TaskStatus{}).Healthy)
	assert.Equal(t, scheduler.Healthy, fromStatus(&v1.TaskStatus{Healthy: pointer(true)}).Healthy)
	assert.Equal(t, scheduler.Unhealthy, fromStatus(&v1.TaskStatus{Healthy: pointer(false)}).Healthy)
}

// FuzzEvents: no frame makes decoding panic, and none is taken for more than one thing. A status update keeps what it has to be
// acknowledged with.
func FuzzEvents(f *testing.F) {
	for _, seed := range []v1sched.Event{
		{Type: v1sched.Event_HEARTBEAT},
		{Type: v1sched.Event_ERROR, Error: &v1sched.Event_Error{Message: "m"}},
		{Type: v1sched.Event_RESCIND_INVERSE_OFFER, RescindInverseOffer: &v1sched.Event_RescindInverseOffer{InverseOfferID: v1.OfferID{Value: "o"}}},
		{Type: v1sched.Event_INVERSE_OFFERS, InverseOffers: &v1sched.Event_InverseOffers{InverseOffers: []v1.InverseOffer{{
			OfferID: v1.OfferID{Value: "o"}, AgentID: &v1.AgentID{Value: "a"}, Unavailability: v1.Unavailability{
				Start: v1.TimeInfo{Nanoseconds: -1}, Duration: &v1.DurationInfo{Nanoseconds: -1},
			},
		}}}},
	} {
		frame, err := seed.Marshal()
		require.NoError(f, err)
		f.Add(frame)
	}
	for _, frame := range recorded(f) {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		decoded, err := decodeEvent(frame)
		things := 0
		for _, is := range []bool{decoded.subscribed != nil, decoded.core != nil, decoded.failure != "", decoded.message != nil, decoded.ignored != ""} {
			if is {
				things++
			}
		}
		require.LessOrEqual(t, things, 1)
		require.False(t, err != nil && things > 0)
		if update, is := decoded.core.(scheduler.TaskUpdated); is {
			var said v1sched.Event
			require.NoError(t, said.Unmarshal(frame))
			require.Contains(t, scheduler.TaskStates(), update.State)
			status := said.Update.Status
			require.Equal(t, []string{string(status.UUID), status.GetAgentID().GetValue(), status.TaskID.Value},
				[]string{string(update.Update), string(update.Agent), string(update.Task)})
		}
		if inverse, is := decoded.core.(scheduler.InverseOffered); is {
			for _, offer := range inverse.Offers {
				require.Positive(t, offer.UnavailableFrom)
				require.GreaterOrEqual(t, offer.For, time.Duration(0))
			}
		}
	})
}

// BenchmarkDecodeUpdate reads a status update into the core's words.
func BenchmarkDecodeUpdate(b *testing.B) {
	said := v1sched.Event{Type: v1sched.Event_UPDATE, Update: &v1sched.Event_Update{Status: v1.TaskStatus{
		TaskID: v1.TaskID{Value: "workers-17.1"}, State: v1.TASK_RUNNING.Enum(), Source: v1.SOURCE_EXECUTOR.Enum(),
		AgentID:    &v1.AgentID{Value: "7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-S17"},
		ExecutorID: &v1.ExecutorID{Value: "workers-17"}, UUID: []byte("0123456789abcdef"),
		Message: pointer("kubelet is healthy"), Timestamp: pointer(1.7e9),
		ContainerStatus: &v1.ContainerStatus{
			ContainerID:  &v1.ContainerID{Value: "5c3f2a0e-8f5d-4b1f-9a3e-3f6c1d2b7a90"},
			NetworkInfos: []v1.NetworkInfo{{IPAddresses: []v1.NetworkInfo_IPAddress{{IPAddress: pointer("10.1.2.3")}}}},
		},
	}}}
	frame, err := said.Marshal()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if got, err := decodeEvent(frame); err != nil || got.core == nil {
			b.Fatal(err)
		}
	}
}
