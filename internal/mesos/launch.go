package mesos

import (
	"fmt"
	"maps"
	"slices"

	v1 "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/scheduler"
)

// operations are those of an ACCEPT, in the order in which Mesos does them; none is a decline. They have no operation ids:
// Mesos then says nothing of a reservation that it could not make or give back, and the next offer shows what holds.
func (s speaker) operations(accept scheduler.Accept) ([]v1.Offer_Operation, error) {
	var operations []v1.Offer_Operation
	if len(accept.Unreserve) > 0 {
		resources, err := toReserved(accept.Unreserve)
		if err != nil {
			return nil, fmt.Errorf("unreserve: %w", err)
		}
		operations = append(operations, v1.Offer_Operation{
			Type: v1.Offer_Operation_UNRESERVE, Unreserve: &v1.Offer_Operation_Unreserve{Resources: resources},
		})
	}
	if len(accept.Reserve) > 0 {
		resources, err := toReserved(accept.Reserve)
		if err != nil {
			return nil, fmt.Errorf("reserve: %w", err)
		}
		operations = append(operations, v1.Offer_Operation{
			Type: v1.Offer_Operation_RESERVE, Reserve: &v1.Offer_Operation_Reserve{Resources: resources},
		})
	}
	if len(accept.Launches) > 0 {
		launch, err := s.launch(accept)
		if err != nil {
			return nil, err
		}
		operations = append(operations, v1.Offer_Operation{Type: v1.Offer_Operation_LAUNCH, Launch: launch})
	}
	return operations, nil
}

// launch is one operation for all the tasks of an ACCEPT.
func (s speaker) launch(accept scheduler.Accept) (*v1.Offer_Operation_Launch, error) {
	launch := &v1.Offer_Operation_Launch{}
	for _, each := range accept.Launches {
		task, err := taskInfo(each, s.id, s.renderer)
		if err != nil {
			return nil, fmt.Errorf("launch task %s: %w", each.Task, err)
		}
		task.AgentID = v1.AgentID{Value: string(accept.Agent)}
		launch.TaskInfos = append(launch.TaskInfos, task)
	}
	return launch, nil
}

func taskInfo(launch scheduler.Launch, framework scheduler.FrameworkID, renderer Renderer) (v1.TaskInfo, error) {
	rendered, err := renderer.Executor(launch)
	if err != nil {
		return v1.TaskInfo{}, fmt.Errorf("render executor: %w", err)
	}
	resources, err := toResources(launch.TaskResources)
	if err != nil {
		return v1.TaskInfo{}, fmt.Errorf("task: %w", err)
	}
	executor, err := executorInfo(launch, framework, rendered)
	if err != nil {
		return v1.TaskInfo{}, fmt.Errorf("executor: %w", err)
	}
	return v1.TaskInfo{
		Name:       string(launch.Task),
		TaskID:     v1.TaskID{Value: string(launch.Task)},
		Resources:  resources,
		Executor:   executor,
		KillPolicy: killPolicy(rendered.KillGrace),
		// For people who look at Mesos's own pages.
		Labels: toLabels([]scheduler.Label{
			{Key: "node", Value: string(launch.Node.Name)},
			{Key: "pool", Value: string(launch.Node.Pool)},
		}),
	}, nil
}

// executorInfo must come out equal for all tasks of an executor: Mesos refuses a task whose executor differs in a byte of its
// command, environment, data or resources from the one that runs.
func executorInfo(launch scheduler.Launch, framework scheduler.FrameworkID, rendered Executor) (*v1.ExecutorInfo, error) {
	resources, err := toResources(launch.Node.Executor.Resources)
	if err != nil {
		return nil, err
	}
	id := launch.Node.Name.Executor()
	name := rendered.Name
	if name == "" {
		name = string(id)
	}
	return &v1.ExecutorInfo{
		Type:                v1.ExecutorInfo_CUSTOM,
		ExecutorID:          v1.ExecutorID{Value: string(id)},
		FrameworkID:         frameworkID(framework),
		Name:                &name,
		Command:             command(rendered),
		Resources:           resources,
		Data:                rendered.Data,
		ShutdownGracePeriod: duration(rendered.ShutdownGrace),
	}, nil
}

func command(rendered Executor) *v1.CommandInfo {
	converted := &v1.CommandInfo{
		Shell:     pointer(rendered.Shell),
		Value:     pointer(rendered.Command),
		Arguments: rendered.Arguments,
		User:      optional(rendered.User),
	}
	for _, uri := range rendered.URIs {
		converted.URIs = append(converted.URIs, v1.CommandInfo_URI{
			Value: uri.Value, Executable: pointer(uri.Executable), Extract: pointer(uri.Extract), Cache: pointer(uri.Cache),
			OutputFile: optional(uri.OutputFile),
		})
	}
	if len(rendered.Environment) == 0 {
		return converted
	}
	converted.Environment = &v1.Environment{}
	for _, name := range slices.Sorted(maps.Keys(rendered.Environment)) {
		converted.Environment.Variables = append(converted.Environment.Variables, v1.Environment_Variable{
			Name: name, Type: v1.Environment_Variable_VALUE.Enum(), Value: pointer(rendered.Environment[name]),
		})
	}
	return converted
}
