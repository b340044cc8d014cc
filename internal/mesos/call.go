package mesos

import (
	"fmt"
	"time"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/scheduler"
)

// capabilities are what this framework can deal with, in every sense that the core relies on.
func capabilities(gpus bool) []v1.FrameworkInfo_Capability {
	kinds := []v1.FrameworkInfo_Capability_Type{
		v1.FrameworkInfo_Capability_PARTITION_AWARE,
		v1.FrameworkInfo_Capability_TASK_KILLING_STATE,
		v1.FrameworkInfo_Capability_MULTI_ROLE,
		v1.FrameworkInfo_Capability_RESERVATION_REFINEMENT,
		v1.FrameworkInfo_Capability_REGION_AWARE,
	}
	if gpus {
		kinds = append(kinds, v1.FrameworkInfo_Capability_GPU_RESOURCES)
	}
	var converted []v1.FrameworkInfo_Capability
	for _, kind := range kinds {
		converted = append(converted, v1.FrameworkInfo_Capability{Type: kind})
	}
	return converted
}

// frameworkInfo is how the framework shows itself; without an id the master gives it one.
func frameworkInfo(framework Framework, id scheduler.FrameworkID) *v1.FrameworkInfo {
	return &v1.FrameworkInfo{
		User:            framework.User,
		Name:            framework.Name,
		ID:              frameworkID(id),
		FailoverTimeout: pointer(framework.FailoverTimeout.Seconds()),
		Checkpoint:      pointer(!framework.NoCheckpoint),
		Roles:           framework.Roles,
		Hostname:        optional(framework.Hostname),
		Principal:       optional(framework.Principal),
		WebUiURL:        optional(framework.WebUI),
		Capabilities:    capabilities(framework.GPUs),
	}
}

// subscribeCall carries the framework's id, if it has one, in both places that Mesos compares.
func subscribeCall(framework Framework, id scheduler.FrameworkID) *v1sched.Call {
	return &v1sched.Call{
		Type: v1sched.Call_SUBSCRIBE, FrameworkID: frameworkID(id),
		Subscribe: &v1sched.Call_Subscribe{FrameworkInfo: frameworkInfo(framework, id)},
	}
}

func frameworkID(id scheduler.FrameworkID) *v1.FrameworkID {
	if id == "" {
		return nil
	}
	return &v1.FrameworkID{Value: string(id)}
}

// speaker is who makes calls.
type speaker struct {
	id        scheduler.FrameworkID
	framework Framework
	renderer  Renderer
}

// encode converts a call. The error is the renderer's, or names what cannot be said to Mesos.
func (s speaker) encode(call scheduler.Call) (*v1sched.Call, error) {
	message := &v1sched.Call{FrameworkID: frameworkID(s.id)}
	switch call := call.(type) {
	case scheduler.Accept:
		operations, err := s.operations(call)
		if err != nil {
			return nil, err
		}
		message.Type = v1sched.Call_ACCEPT
		message.Accept = &v1sched.Call_Accept{
			OfferIDs: offerIDs(call.Offers), Operations: operations, Filters: filters(call.Refuse),
		}
	case scheduler.Decline:
		message.Type = v1sched.Call_DECLINE
		message.Decline = &v1sched.Call_Decline{OfferIDs: offerIDs(call.Offers), Filters: filters(call.Refuse)}
	case scheduler.Acknowledge:
		message.Type = v1sched.Call_ACKNOWLEDGE
		message.Acknowledge = &v1sched.Call_Acknowledge{
			AgentID: v1.AgentID{Value: string(call.Agent)}, TaskID: v1.TaskID{Value: string(call.Task)},
			UUID: []byte(call.Update),
		}
	case scheduler.Kill:
		message.Type = v1sched.Call_KILL
		message.Kill = &v1sched.Call_Kill{
			TaskID: v1.TaskID{Value: string(call.Task)}, AgentID: agentID(call.Agent), KillPolicy: killPolicy(call.Grace),
		}
	case scheduler.TellDrained:
		message.Type = v1sched.Call_MESSAGE
		message.Message = &v1sched.Call_Message{
			AgentID: v1.AgentID{Value: string(call.Agent)}, ExecutorID: v1.ExecutorID{Value: string(call.Executor)},
			Data: s.renderer.Drained(call),
		}
	case scheduler.SendToken:
		message.Type = v1sched.Call_MESSAGE
		message.Message = &v1sched.Call_Message{
			AgentID: v1.AgentID{Value: string(call.Agent)}, ExecutorID: v1.ExecutorID{Value: string(call.Executor)},
			Data: s.renderer.Token(call),
		}
	case scheduler.Reconcile:
		message.Type = v1sched.Call_RECONCILE
		message.Reconcile = reconcile(call.Tasks)
	default:
		s.encodeFramework(message, call)
	}
	return message, nil
}

// encodeFramework converts the calls that are about the framework as a whole.
func (s speaker) encodeFramework(message *v1sched.Call, call scheduler.Call) {
	switch call := call.(type) {
	case scheduler.AcceptInverse:
		message.Type = v1sched.Call_ACCEPT_INVERSE_OFFERS
		message.AcceptInverseOffers = &v1sched.Call_AcceptInverseOffers{InverseOfferIDs: offerIDs(call.Offers), Filters: filters(call.Refuse)}
	case scheduler.DeclineInverse:
		message.Type = v1sched.Call_DECLINE_INVERSE_OFFERS
		message.DeclineInverseOffers = &v1sched.Call_DeclineInverseOffers{InverseOfferIDs: offerIDs(call.Offers), Filters: filters(call.Refuse)}
	case scheduler.UpdateFramework:
		message.Type = v1sched.Call_UPDATE_FRAMEWORK
		message.UpdateFramework = &v1sched.Call_UpdateFramework{FrameworkInfo: *frameworkInfo(s.framework.with(call), s.id)}
	case scheduler.TearDown:
		message.Type = v1sched.Call_TEARDOWN
	case scheduler.Revive:
		message.Type = v1sched.Call_REVIVE
		message.Revive = &v1sched.Call_Revive{Roles: roles(call.Roles)}
	case scheduler.Suppress:
		message.Type = v1sched.Call_SUPPRESS
		message.Suppress = &v1sched.Call_Suppress{Roles: roles(call.Roles)}
	default:
		panic(fmt.Sprintf("a call of type %T is new to package mesos", call))
	}
}

// describe names a call and its object for errors.
func describe(call scheduler.Call) string {
	switch call := call.(type) {
	case scheduler.Accept:
		return fmt.Sprintf("ACCEPT offers of agent %s", call.Agent)
	case scheduler.Decline:
		return fmt.Sprintf("DECLINE %d offers", len(call.Offers))
	case scheduler.Acknowledge:
		return fmt.Sprintf("ACKNOWLEDGE update of task %s", call.Task)
	case scheduler.Kill:
		return fmt.Sprintf("KILL task %s", call.Task)
	case scheduler.TellDrained:
		return fmt.Sprintf("MESSAGE to executor %s", call.Executor)
	case scheduler.SendToken:
		return fmt.Sprintf("MESSAGE to executor %s: a bootstrap token", call.Executor)
	case scheduler.Reconcile:
		return fmt.Sprintf("RECONCILE %d tasks", len(call.Tasks))
	case scheduler.AcceptInverse:
		return fmt.Sprintf("ACCEPT_INVERSE_OFFERS %d offers", len(call.Offers))
	case scheduler.DeclineInverse:
		return fmt.Sprintf("DECLINE_INVERSE_OFFERS %d offers", len(call.Offers))
	case scheduler.UpdateFramework:
		return fmt.Sprintf("UPDATE_FRAMEWORK to roles %v, GPUs %v", call.Roles, call.GPUs)
	case scheduler.TearDown:
		return "TEARDOWN"
	case scheduler.Revive:
		return fmt.Sprintf("REVIVE roles %v", call.Roles)
	case scheduler.Suppress:
		return fmt.Sprintf("SUPPRESS roles %v", call.Roles)
	default:
		return fmt.Sprintf("%T", call)
	}
}

func offerIDs(offers []scheduler.OfferID) []v1.OfferID {
	converted := make([]v1.OfferID, 0, len(offers))
	for _, offer := range offers {
		converted = append(converted, v1.OfferID{Value: string(offer)})
	}
	return converted
}

// filters are always sent: without them Mesos assumes five seconds.
func filters(refuse time.Duration) *v1.Filters {
	return &v1.Filters{RefuseSeconds: pointer(refuse.Seconds())}
}

func agentID(agent scheduler.AgentID) *v1.AgentID {
	if agent == "" {
		return nil
	}
	return &v1.AgentID{Value: string(agent)}
}

// killPolicy is none without a grace period: then the task's own applies.
func killPolicy(grace time.Duration) *v1.KillPolicy {
	if grace <= 0 {
		return nil
	}
	return &v1.KillPolicy{GracePeriod: duration(grace)}
}

func duration(d time.Duration) *v1.DurationInfo {
	if d <= 0 {
		return nil
	}
	return &v1.DurationInfo{Nanoseconds: d.Nanoseconds()}
}

func reconcile(tasks []scheduler.TaskAt) *v1sched.Call_Reconcile {
	converted := &v1sched.Call_Reconcile{}
	for _, task := range tasks {
		converted.Tasks = append(converted.Tasks, v1sched.Call_Reconcile_Task{
			TaskID: v1.TaskID{Value: string(task.Task)}, AgentID: agentID(task.Agent),
		})
	}
	return converted
}

func roles(roles []scheduler.Role) []string {
	var converted []string
	for _, role := range roles {
		converted = append(converted, string(role))
	}
	return converted
}
