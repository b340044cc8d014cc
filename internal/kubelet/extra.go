package kubelet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ownedField is a field of a KubeletConfiguration that an operator may not set, and why.
type ownedField struct{ name, why string }

// ownedFields lists them in alphabetical order.
func ownedFields() []ownedField {
	const (
		slice  = "the node's size is that of its Mesos tasks"
		cgroup = "pods live below the Mesos container's cgroup"
		escape = "it would move processes out of the Mesos container's cgroup"
		node   = "the framework knows the node by it"
	)
	return []ownedField{
		{"cgroupDriver", cgroup},
		{"cgroupRoot", cgroup},
		{"cgroupsPerQOS", cgroup},
		{"containerRuntimeEndpoint", "the executor stops pods there; set runtimeEndpoint of the spec"},
		{"enforceNodeAllocatable", slice},
		{"failCgroupV1", "it follows from the host"},
		{"healthzBindAddress", "the executor asks there"},
		{"healthzPort", "the executor asks there; set healthzPort of the spec"},
		{"kubeReserved", slice},
		{"kubeReservedCgroup", slice},
		{"kubeletCgroups", escape},
		{"mergeDefaultEvictionSettings", slice},
		{"providerID", node},
		{"registerNode", node},
		{"registerWithTaints", "set taints of the spec"},
		{"reservedSystemCPUs", slice},
		{"runOnce", "the kubelet has to stay"},
		{"systemCgroups", escape},
		{"systemReserved", slice},
		{"systemReservedCgroup", slice},
	}
}

// decodeExtra reads an operator's further fields: known ones, in their exact spelling, that leave the slice alone. The error
// names every field that is wrong. A kubelet newer than this program may know fields that are refused here.
func decodeExtra(text json.RawMessage) (map[string]any, error) {
	if len(text) == 0 {
		return map[string]any{}, nil
	}
	fields, err := decodeObject(text)
	if err != nil {
		return nil, fmt.Errorf("kubelet spec: kubeletConfiguration is no JSON object: %w", err)
	}
	var problems []error
	if err := checkFields(fields); err != nil {
		problems = append(problems, err)
	}
	for _, header := range []struct{ field, want string }{
		{"apiVersion", apiVersion}, {"kind", kind},
	} {
		if value, ok := fields[header.field]; ok && value != header.want {
			problems = append(problems, fmt.Errorf("kubelet spec: kubeletConfiguration.%s is %q, want %s", header.field, value, header.want))
		}
	}
	for _, owned := range ownedFields() {
		if _, ok := fields[owned.name]; ok {
			problems = append(problems, refusal(owned.name, owned.why))
		}
	}
	for _, signal := range []string{"memory.available", "allocatableMemory.available"} {
		if has(fields, "evictionHard", signal) {
			problems = append(problems, refusal("evictionHard["+signal+"]",
				"it is subtracted from what pods get, and counts the whole host's memory, which Mesos's other tasks use"))
		}
	}
	return fields, errors.Join(problems...)
}

func refusal(field, why string) error {
	return fmt.Errorf("kubelet spec: kubeletConfiguration.%s may not be set: %s", field, why)
}

// has says whether the object in fields[object] has the key.
func has(fields map[string]any, object, key string) bool {
	inner, _ := fields[object].(map[string]any)
	_, ok := inner[key]
	return ok
}

// decodeObject reads a JSON object, its numbers as they are written.
func decodeObject(text []byte) (map[string]any, error) {
	fields := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err := decoder.Decode(&fields)
	return fields, err
}
