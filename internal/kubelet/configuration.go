package kubelet

import (
	"fmt"
	"maps"
	"strconv"

	"sigs.k8s.io/yaml"
)

// Placement is where in the host's cgroups the kubelet puts its pods.
type Placement struct {
	// Root is the path, below every hierarchy's mount point, in which the kubelet makes its kubepods.
	Root string
	// Unified says that the host has cgroup v2 only.
	Unified bool
}

// apiVersion and kind of what Configuration writes.
const (
	apiVersion = "kubelet.config.k8s.io/v1beta1"
	kind       = "KubeletConfiguration"
)

// Configuration is the text of the kubelet's --config file (kubelet.config.k8s.io/v1beta1, in YAML): the Spec's extra fields
// under ours. Errors: the slice does not fit the host, with the numbers; an extra field that would break it, by name.
//
// How the slice becomes exact: the kubelet reports Allocatable = capacity − systemReserved − hard eviction thresholds, and
// limits the cgroup kubepods to capacity − systemReserved. So the rest of the host is reserved, and every threshold that
// takes from memory is zero. Where huge pages are preallocated, the kubelet takes them off Allocatable, but not off the
// limit: there the limit is larger than the slice by that much, which no memory of this kind counts against.
//
// It is written without the Go types of the API, whose packages would add several megabytes to what every executor holds in
// memory; the tests read all that is written with those types, strictly.
func Configuration(spec Spec, slice Slice, host Host, place Placement) ([]byte, error) {
	extra, err := decodeExtra(spec.Extra)
	if err != nil {
		return nil, err
	}
	rest, err := slice.reserve(host)
	if err != nil {
		return nil, err
	}
	if place.Root == "" || place.Root == "/" {
		return nil, fmt.Errorf("cgroup root is %q: pods need a cgroup of their own", place.Root)
	}
	if slice.DiskBytes != 0 && has(extra, "evictionHard", "nodefs.available") {
		return nil, refusal("evictionHard[nodefs.available]", "the tasks hold disk, and this is subtracted from what pods get of it")
	}
	owned := map[string]any{
		"apiVersion":               apiVersion,
		"kind":                     kind,
		"cgroupRoot":               place.Root,
		"cgroupsPerQOS":            true,
		"cgroupDriver":             "cgroupfs",
		"enforceNodeAllocatable":   []string{"pods"},
		"systemReserved":           rest.quantities(slice),
		"evictionHard":             evictionHard(extra),
		"providerID":               spec.ProviderID,
		"registerNode":             true,
		"containerRuntimeEndpoint": spec.RuntimeEndpoint,
		"healthzBindAddress":       "127.0.0.1",
		"healthzPort":              spec.HealthzPort,
	}
	if !place.Unified {
		// From 1.35 a kubelet refuses cgroup v1 unless told; those before 1.31 do not know the field, warn and go on.
		owned["failCgroupV1"] = false
	}
	var taints []Taint
	for _, text := range spec.Taints {
		taint, err := ParseTaint(text)
		if err != nil {
			return nil, fmt.Errorf("taint %q: %w", text, err)
		}
		taints = append(taints, taint)
	}
	if len(taints) > 0 {
		owned["registerWithTaints"] = taints
	}
	merged := defaults(spec)
	overlay(merged, extra)
	maps.Copy(merged, owned)
	text, err := yaml.Marshal(merged)
	if err != nil {
		return nil, fmt.Errorf("write the kubelet's configuration: %w", err)
	}
	return append([]byte("# Written for "+spec.Node+", for "+slice.String()+". Changes are lost.\n"), text...), nil
}

// defaults are our answers to what an operator may decide otherwise.
func defaults(spec Spec) map[string]any {
	fields := map[string]any{
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
		},
		"authorization": map[string]any{"mode": "Webhook"},
		"failSwapOn":    false,
	}
	if spec.BootstrapKubeconfig != "" || spec.Join != nil {
		fields["rotateCertificates"] = true
	}
	if spec.Join != nil && spec.Join.CA != "" {
		// As kubeadm does: the CA of the API server signs its clients too, and without one nobody gets logs from the kubelet.
		overlay(fields, map[string]any{"authentication": map[string]any{"x509": map[string]any{"clientCAFile": spec.ClusterCA()}}})
	}
	if spec.ServingCertificate {
		fields["serverTLSBootstrap"] = true
	}
	return fields
}

func (r reserved) quantities(slice Slice) map[string]string {
	list := map[string]string{
		"cpu":    strconv.FormatInt(r.milliCPU, 10) + "m",
		"memory": strconv.FormatInt(r.memoryBytes, 10),
	}
	if slice.DiskBytes != 0 {
		list["ephemeral-storage"] = strconv.FormatInt(r.diskBytes, 10)
	}
	return list
}

// evictionHard names every threshold that a kubelet would otherwise set by default, as 0, under what the operator says of
// those that do not touch the slice.
func evictionHard(extra map[string]any) map[string]any {
	thresholds := map[string]any{}
	for _, signal := range []string{"memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"} {
		thresholds[signal] = "0%"
	}
	if given, ok := extra["evictionHard"].(map[string]any); ok {
		maps.Copy(thresholds, given)
	}
	return thresholds
}

// overlay lays the fields of over onto those of under; objects are merged, all else is replaced.
func overlay(under, over map[string]any) {
	for key, value := range over {
		lower, lowerIsObject := under[key].(map[string]any)
		upper, upperIsObject := value.(map[string]any)
		if lowerIsObject && upperIsObject {
			overlay(lower, upper)
			continue
		}
		under[key] = value
	}
}
