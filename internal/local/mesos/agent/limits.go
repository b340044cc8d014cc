package agent

import (
	"math"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/agent/container"
)

// demand is what one task asks for.
type demand struct {
	resources []mesos.Resource
	limits    map[string]mesos.Value_Scalar
}

// limitsOf sums an executor's own share and its tasks'. Limits (TaskInfo.limits) are summed in Mesos's way: as soon as one
// task has a limit the container has one, to which executor and the other tasks add their requests; without CFS a task
// that has no cpu limit lifts it altogether.
func limitsOf(executor []mesos.Resource, tasks []demand, cfs bool) container.Limits {
	all := append([]mesos.Resource(nil), executor...)
	for _, t := range tasks {
		all = append(all, t.resources...)
	}
	return container.Limits{
		CPU: milli(all, "cpus"), Mem: milli(all, "mem"),
		CPULimit: limitOf("cpus", executor, tasks, cfs), MemLimit: limitOf("mem", executor, tasks, true),
	}
}

func limitOf(name string, executor []mesos.Resource, tasks []demand, keep bool) *float64 {
	var limit *float64
	add := func(v float64) {
		if limit != nil {
			v += *limit
		}
		limit = &v
	}
	var requests int64
	for _, t := range tasks {
		if l, ok := t.limits[name]; ok {
			add(l.Value)
		} else if m := milli(t.resources, name); m != nil {
			requests += *m
		}
	}
	if limit == nil {
		return nil
	}
	if m := milli(executor, name); m != nil {
		add(float64(*m) / 1000)
	}
	if requests > 0 {
		if !keep {
			return nil
		}
		add(float64(requests) / 1000)
	}
	if !math.IsInf(*limit, 0) {
		rounded := math.Round(*limit*1000) / 1000
		limit = &rounded
	}
	return limit
}

// milli sums the scalars of a name, each rounded to thousandths; nil when there is none.
func milli(resources []mesos.Resource, name string) *int64 {
	var sum int64
	found := false
	for i := range resources {
		if resources[i].Name == name && resources[i].Scalar != nil {
			sum += container.Milli(resources[i].Scalar.Value)
			found = true
		}
	}
	if !found {
		return nil
	}
	return &sum
}
