package execapi

import (
	"fmt"
	"math"
	"time"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"k8s-framework/internal/mesos/wire"
)

// fromEvent converts an event; nil stands for a heartbeat, or for what is newer than this program.
func fromEvent(said *executor.Event) (Event, error) {
	missing := fmt.Errorf("%s without its content", said.Type)
	switch said.Type {
	case executor.Event_SUBSCRIBED:
		if said.Subscribed == nil {
			return nil, missing
		}
		return fromSubscribed(said.Subscribed), nil
	case executor.Event_LAUNCH:
		if said.Launch == nil {
			return nil, missing
		}
		return fromLaunch(&said.Launch.Task)
	case executor.Event_LAUNCH_GROUP:
		return Errored{Message: "the agent sent a task group, which this executor was not launched for"}, nil
	case executor.Event_KILL:
		if said.Kill == nil {
			return nil, missing
		}
		return fromKill(said.Kill), nil
	case executor.Event_ACKNOWLEDGED:
		if said.Acknowledged == nil {
			return nil, missing
		}
		return Acknowledged{Task: said.Acknowledged.TaskID.Value, Update: UpdateID(said.Acknowledged.UUID)}, nil
	case executor.Event_MESSAGE:
		return Messaged{Data: said.GetMessage().GetData()}, nil
	case executor.Event_SHUTDOWN:
		return ShutdownRequested{}, nil
	case executor.Event_ERROR:
		return Errored{Message: said.GetError().GetMessage()}, nil
	default:
		return nil, nil
	}
}

func fromSubscribed(said *executor.Event_Subscribed) Subscribed {
	info := &said.ExecutorInfo
	event := Subscribed{
		Agent: Agent{
			ID:       said.AgentInfo.GetID().GetValue(),
			Hostname: said.AgentInfo.Hostname,
			Port:     int(said.AgentInfo.GetPort()),
		},
		Container: said.GetContainerID().GetValue(),
		Data:      info.Data,
		Resources: fromResources(info.Resources),
		Name:      info.GetName(),
	}
	if info.ShutdownGracePeriod != nil {
		event.ShutdownGrace = time.Duration(info.ShutdownGracePeriod.Nanoseconds)
	}
	if domain := said.AgentInfo.GetDomain().GetFaultDomain(); domain != nil {
		event.Agent.Region, event.Agent.Zone = domain.Region.Name, domain.Zone.Name
	}
	return event
}

func fromLaunch(info *v1.TaskInfo) (Event, error) {
	encoded, err := info.Marshal()
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", info.TaskID.Value, err)
	}
	task := Task{
		ID:        info.TaskID.Value,
		Name:      info.Name,
		Agent:     info.AgentID.Value,
		Resources: fromResources(info.Resources),
		Data:      info.Data,
		info:      encoded,
	}
	if grace := info.GetKillPolicy().GetGracePeriod(); grace != nil {
		task.KillGrace = time.Duration(grace.Nanoseconds)
	}
	for _, label := range info.GetLabels().GetLabels() {
		task.Labels = append(task.Labels, Label{Key: label.Key, Value: label.GetValue()})
	}
	return Launched{Task: task}, nil
}

func fromKill(said *executor.Event_Kill) Killed {
	killed := Killed{Task: said.TaskID.Value}
	if grace := said.GetKillPolicy().GetGracePeriod(); grace != nil {
		killed.Grace, killed.GraceSet = time.Duration(grace.Nanoseconds), true
	}
	return killed
}

// fromResources sums the scalar resources, whatever their reservations.
func fromResources(resources []v1.Resource) Resources {
	var sum Resources
	for i := range resources {
		amount := int64(math.Round(resources[i].GetScalar().GetValue() * 1000))
		switch resources[i].Name {
		case "cpus":
			sum.CPUs += amount
		case "mem":
			sum.Mem += amount
		case "disk":
			sum.Disk += amount
		case "gpus":
			sum.GPUs += amount
		}
	}
	return sum
}

// toStatus converts an update. The error is about a caller's mistake that the agent would refuse.
func toStatus(status Status) (v1.TaskStatus, error) {
	state, known := v1.TaskState_value["TASK_"+string(status.State)]
	if !known || status.State == "STAGING" {
		return v1.TaskStatus{}, fmt.Errorf("state is %q, want one that an executor may send", status.State)
	}
	if len(status.Update) != 16 {
		return v1.TaskStatus{}, fmt.Errorf("update id has %d bytes, want 16", len(status.Update))
	}
	seconds := float64(status.At.UnixNano()) / 1e9
	converted := v1.TaskStatus{
		TaskID:    v1.TaskID{Value: status.Task},
		State:     v1.TaskState(state).Enum(),
		Source:    v1.SOURCE_EXECUTOR.Enum(),
		UUID:      []byte(status.Update),
		Timestamp: &seconds,
		Data:      status.Data,
	}
	if status.Message != "" {
		converted.Message = &status.Message
	}
	if status.Healthy != HealthUnknown {
		healthy := status.Healthy == Healthy
		converted.Healthy = &healthy
	}
	if status.Reason != "" {
		reason, known := v1.TaskStatus_Reason_value[status.Reason]
		if !known {
			return v1.TaskStatus{}, fmt.Errorf("reason is %q, want one of Mesos's", status.Reason)
		}
		converted.Reason = v1.TaskStatus_Reason(reason).Enum()
	}
	return converted, nil
}

// subscribeCall names what is unacknowledged.
func subscribeCall(have Pending) (*executor.Call, error) {
	subscribe := &executor.Call_Subscribe{}
	for _, task := range have.Tasks {
		var info v1.TaskInfo
		if err := wire.Decode(task.info, &info); err != nil {
			return nil, fmt.Errorf("unacknowledged task %s was not launched by an agent: %w", task.ID, err)
		}
		subscribe.UnacknowledgedTasks = append(subscribe.UnacknowledgedTasks, info)
	}
	for _, status := range have.Updates {
		converted, err := toStatus(status)
		if err != nil {
			return nil, fmt.Errorf("unacknowledged update of task %s: %w", status.Task, err)
		}
		subscribe.UnacknowledgedUpdates = append(subscribe.UnacknowledgedUpdates, executor.Call_Update{Status: converted})
	}
	return &executor.Call{Type: executor.Call_SUBSCRIBE, Subscribe: subscribe}, nil
}
