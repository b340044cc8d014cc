package kubelet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"time"
)

// Version is the version of Spec and Message that this program writes and reads.
const Version = 1

// Spec is what the framework tells an executor about its one kubelet, in ExecutorInfo.data. It is equal for every task of the
// executor, as Mesos demands, and therefore says nothing of sizes: those are the tasks'.
type Spec struct {
	Version int `json:"version"`

	// Node is the framework's name of the node, such as workers-17, which is never used again.
	Node string `json:"node"`
	// Host is the name of the Kubernetes Node: the agent's host name, in lower case.
	Host string `json:"host"`
	// ProviderID is what the Kubernetes Node of this launch carries: mesos://<framework id>/<node>.
	ProviderID string `json:"providerID"`
	// Labels and Taints ("key=value:Effect") are what the kubelet registers its Node with.
	Labels map[string]string `json:"labels,omitempty"`
	Taints []string          `json:"taints,omitempty"`

	// Kubelet is the kubelet program: an absolute path on the host, or URI#sha256=HEX ([ParseProgram]).
	Kubelet string `json:"kubelet"`
	// RootDir is the kubelet's own directory: pods' volumes, certificates, and the lock that keeps it alone on its host.
	RootDir string `json:"rootDir"`
	// Kubeconfig is the path on the host of the kubelet's credentials. With BootstrapKubeconfig it may be empty, and is then
	// written to RootDir once the kubelet has joined.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// BootstrapKubeconfig is the path on the host of credentials that may only ask for a client certificate.
	BootstrapKubeconfig string `json:"bootstrapKubeconfig,omitempty"`
	// Join, if not nil, lets the kubelet join by a bootstrap token; then there is neither of the two above.
	Join *Join `json:"join,omitempty"`
	// ServingCertificate lets the kubelet ask the cluster for the certificate that it serves with, instead of signing its own.
	ServingCertificate bool `json:"servingCertificate,omitempty"`
	// NodeIP is the address that the Node is registered with; empty: the kubelet chooses.
	NodeIP string `json:"nodeIP,omitempty"`
	// RuntimeEndpoint is the container runtime's socket, as unix:///path.
	RuntimeEndpoint string `json:"runtimeEndpoint"`
	// HealthzPort is the port on 127.0.0.1 at which the kubelet answers /healthz.
	HealthzPort int `json:"healthzPort"`
	// Extra holds further fields of a KubeletConfiguration (kubelet.config.k8s.io/v1beta1) as a JSON object. Fields that
	// decide the node's size or identity are refused.
	Extra json.RawMessage `json:"kubeletConfiguration,omitempty"`

	Drain   Drain   `json:"drain"`
	Restart Restart `json:"restart"`
	// FenceAfter is how long an executor may be cut off from the Mesos agent and from the API server, both at the same time,
	// before it ends its pods and its node, because others may have taken their place by then; 0: for ever.
	FenceAfter Duration `json:"fenceAfter,omitempty"`
	// LogBytes bounds each of the two files that keep the kubelet's output in the sandbox.
	LogBytes int64 `json:"logBytes"`
}

// Drain says how the executor empties its node when it is told to end without having been told that the node is drained.
type Drain struct {
	// Deadline is how long that may take, where neither the kill nor the task says.
	Deadline Duration `json:"deadline"`
	// Then is what happens at the deadline: "force" ends the pods that are left, "wait" goes on waiting.
	Then string `json:"then"`
}

// The two values of Drain.Then.
const (
	Force = "force"
	Wait  = "wait"
)

// Restart says how a kubelet that ended or hangs is started again.
type Restart struct {
	// Initial is the wait before the first restart; it doubles up to Max with each further failure in the Window.
	Initial Duration `json:"initial"`
	Max     Duration `json:"max"`
	// Failures in one Window after which the node is given up.
	Failures int      `json:"failures"`
	Window   Duration `json:"window"`
	// StartTimeout is how long a started kubelet may take to be healthy the first time; HangTimeout how long one that was
	// healthy may stay without a healthy answer.
	StartTimeout Duration `json:"startTimeout"`
	HangTimeout  Duration `json:"hangTimeout"`
}

// Wait is the pause before a kubelet is started again after the given number of failures in the window, the first being 1.
func (r Restart) Wait(failures int) time.Duration {
	wait := time.Duration(r.Initial)
	for range failures - 1 {
		if wait *= 2; wait >= time.Duration(r.Max) {
			return time.Duration(r.Max)
		}
	}
	return wait
}

// Duration is a time.Duration that JSON writes as text, such as "10m0s".
type Duration time.Duration

// String is the duration as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a duration such as "90s" or "1h30m".
func (d *Duration) UnmarshalJSON(text []byte) error {
	var written string
	if err := json.Unmarshal(text, &written); err != nil {
		return fmt.Errorf("%s is not a duration: want text such as \"10m\"", text)
	}
	parsed, err := time.ParseDuration(written)
	if err != nil {
		return fmt.Errorf("%q is not a duration: want text such as \"10m\"", written)
	}
	*d = Duration(parsed)
	return nil
}

// Defaults is a Spec with the values of all that need not be said; the names and paths of the node are still missing.
// Every deadline is finite.
func Defaults() Spec {
	return Spec{
		Version:         Version,
		RootDir:         "/var/lib/kubelet",
		RuntimeEndpoint: "unix:///run/containerd/containerd.sock",
		HealthzPort:     10248,
		Drain:           Drain{Deadline: Duration(10 * time.Minute), Then: Force},
		Restart: Restart{
			Initial: Duration(time.Second), Max: Duration(30 * time.Second),
			Failures: 5, Window: Duration(10 * time.Minute),
			StartTimeout: Duration(2 * time.Minute), HangTimeout: Duration(time.Minute),
		},
		LogBytes: 8 << 20,
	}
}

// KubeconfigPath is where the kubelet's credentials are, or will be once it has joined.
func (s Spec) KubeconfigPath() string {
	if s.Kubeconfig != "" {
		return s.Kubeconfig
	}
	if s.Join != nil {
		return path.Join(s.JoinDir(), "kubeconfig")
	}
	return path.Join(s.RootDir, "kubeconfig")
}

// LockPath is the file that is locked as long as a kubelet with this root directory lives.
func (s Spec) LockPath() string { return path.Join(s.RootDir, "k8s-executor.lock") }

// Encode checks the Spec and writes it for ExecutorInfo.data. Equal Specs give equal bytes.
func (s Spec) Encode() ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// DecodeSpec reads and checks what Encode wrote. Fields that are absent have the values of Defaults.
func DecodeSpec(data []byte) (Spec, error) {
	if err := checkVersion(data); err != nil {
		return Spec{}, fmt.Errorf("decode the kubelet's spec: %w", err)
	}
	spec := Defaults()
	if err := decodeStrict(data, &spec); err != nil {
		return Spec{}, fmt.Errorf("decode the kubelet's spec: %w", err)
	}
	return spec, spec.Validate()
}

// checkVersion looks at the version before anything else, so that a newer text is refused for its version and not for the
// first field that is new in it.
func checkVersion(data []byte) error {
	var header struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return fmt.Errorf("not a JSON object with a version: %w", err)
	}
	if header.Version == nil {
		return fmt.Errorf("version is missing, want %d", Version)
	}
	if *header.Version != Version {
		return fmt.Errorf("version is %d, this program reads %d only: framework and executor must be of matching builds",
			*header.Version, Version)
	}
	return nil
}

// decodeStrict reads a JSON object with known fields only. That nothing stands behind it, checkVersion has seen.
func decodeStrict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
