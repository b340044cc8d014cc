package master

import (
	"encoding/json"

	mastercalls "github.com/mesos/mesos-go/api/v1/lib/master"

	"k8s-framework/internal/local/mesos/wire"
)

// list keeps an empty list a list.
func list[T any](l []T) any {
	if l == nil {
		return []any{}
	}
	return l
}

func stateJSON(s *mastercalls.Response_GetState) wire.Object {
	return wire.Object{
		"get_tasks": tasksJSON(s.GetTasks), "get_executors": executorsJSON(s.GetExecutors),
		"get_frameworks": frameworksJSON(s.GetFrameworks), "get_agents": agentsJSON(s.GetAgents),
	}
}

func tasksJSON(t *mastercalls.Response_GetTasks) wire.Object {
	return wire.Object{"tasks": list(t.Tasks), "unreachable_tasks": list(t.UnreachableTasks), "completed_tasks": list(t.CompletedTasks)}
}

func executorsJSON(e *mastercalls.Response_GetExecutors) wire.Object {
	return wire.Object{"executors": list(e.Executors)}
}

func agentsJSON(a *mastercalls.Response_GetAgents) wire.Object {
	return wire.Object{"agents": list(a.Agents), "recovered_agents": list(a.RecoveredAgents)}
}

func frameworksJSON(f *mastercalls.Response_GetFrameworks) wire.Object {
	all := func(frameworks []mastercalls.Response_GetFrameworks_Framework) []any {
		objects := []any{}
		for i := range frameworks {
			objects = append(objects, frameworkJSON(&frameworks[i]))
		}
		return objects
	}
	return wire.Object{"frameworks": all(f.Frameworks), "completed_frameworks": all(f.CompletedFrameworks)}
}

// frameworkJSON adds the field that mesos-go does not know.
func frameworkJSON(f *mastercalls.Response_GetFrameworks_Framework) json.RawMessage {
	b := wire.MarshalJSON(f)
	return append(b[:len(b)-1], `,"offer_constraints":{}}`...)
}
