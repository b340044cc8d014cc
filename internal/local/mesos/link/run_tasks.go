package link

import (
	"encoding/json"
	"fmt"
	"strconv"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// runTasks is RunTasks with the tasks' limits beside them as text: a limit may be infinite, which JSON cannot say.
type runTasks struct {
	Framework mesos.FrameworkInfo
	Executor  *mesos.ExecutorInfo `json:",omitempty"`
	Tasks     []mesos.TaskInfo
	Limits    []map[string]string // of each task
	Group     bool                `json:",omitempty"`
	Launch    bool
}

// MarshalJSON writes limits as text.
func (m *RunTasks) MarshalJSON() ([]byte, error) {
	to := runTasks{Framework: m.Framework, Executor: m.Executor, Group: m.Group, Launch: m.Launch}
	for _, t := range m.Tasks {
		limits := map[string]string{}
		for name, limit := range t.Limits {
			limits[name] = strconv.FormatFloat(limit.Value, 'g', -1, 64)
		}
		t.Limits = nil
		to.Tasks, to.Limits = append(to.Tasks, t), append(to.Limits, limits)
	}
	return json.Marshal(&to)
}

// UnmarshalJSON is the reverse of MarshalJSON.
func (m *RunTasks) UnmarshalJSON(b []byte) error {
	var from runTasks
	if err := json.Unmarshal(b, &from); err != nil {
		return err
	}
	if len(from.Limits) != len(from.Tasks) {
		return fmt.Errorf("%d tasks with %d sets of limits", len(from.Tasks), len(from.Limits))
	}
	*m = RunTasks{Framework: from.Framework, Executor: from.Executor, Tasks: from.Tasks, Group: from.Group, Launch: from.Launch}
	for i, limits := range from.Limits {
		for name, text := range limits {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return fmt.Errorf("limit %s of task %s: %w", name, m.Tasks[i].TaskID.Value, err)
			}
			if m.Tasks[i].Limits == nil {
				m.Tasks[i].Limits = map[string]mesos.Value_Scalar{}
			}
			m.Tasks[i].Limits[name] = mesos.Value_Scalar{Value: value}
		}
	}
	return nil
}
