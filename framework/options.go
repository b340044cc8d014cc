package framework

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"k8s-framework/scheduler"
)

// Options is everything that an operator decides when starting the framework. The flag that sets a field stands behind
// it; errors name the flag.
type Options struct {
	// Master is the Mesos master: host:port, or zk://[user:password@]host:port,…/path to find the leader.
	Master string // --master
	// ZK is where election and state live: zk://[user:password@]host:port,…/path.
	ZK               string        // --zk
	ZKSessionTimeout time.Duration // --zk-session-timeout

	// Listen is the address of the operators' API, and Advertise the host:port under which other instances and operators
	// reach it.
	Listen    string // --listen
	Advertise string // --advertise

	// Name, User, Principal, Hostname and WebUI are what Mesos shows of the framework.
	Name      string // --framework-name
	User      string // --mesos-user
	Principal string // --mesos-principal
	Hostname  string // --hostname
	WebUI     string // --webui-url
	// FailoverTimeout is how long Mesos lets the nodes go on without any instance of the framework.
	FailoverTimeout time.Duration // --failover-timeout
	// CredentialsFile authenticates at the master; empty: no authentication.
	CredentialsFile string // --mesos-credentials
	// MesosHTTPS speaks TLS to the masters, whose certificates are checked against MesosCAFile.
	MesosHTTPS    bool   // --mesos-https
	MesosCAFile   string // --mesos-ca-file
	MesosMaxFrame int    // --mesos-max-frame, bytes
	// ReconcileEvery is how often Mesos is asked about every task.
	ReconcileEvery time.Duration // --reconcile-interval

	// Kubeconfig is the framework's access to the Kubernetes API.
	Kubeconfig string  // --kubeconfig
	KubeQPS    float32 // --kube-api-qps
	KubeBurst  int     // --kube-api-burst

	// Pools seed the saved pools: one that is saved already is kept as it is.
	Pools []scheduler.Pool // --pool, --pools

	// Nodes says what the nodes find on their hosts.
	Nodes NodeOptions

	Log *logrus.Entry
}

// NodeOptions says where things are on the agents' hosts. All paths are absolute, and are there before a node is launched.
type NodeOptions struct {
	// Executor is k8s-executor, Kubelet the kubelet.
	Executor string `json:"executor"` // --executor-path
	Kubelet  string `json:"kubelet"`  // --kubelet-path
	// Kubeconfig holds the kubelet's credentials; BootstrapKubeconfig those that may only ask for them. One of both.
	Kubeconfig          string `json:"kubeconfig,omitempty"`          // --node-kubeconfig
	BootstrapKubeconfig string `json:"bootstrapKubeconfig,omitempty"` // --node-bootstrap-kubeconfig
	// RootDir is the kubelet's directory.
	RootDir string `json:"rootDir"` // --kubelet-root-dir
	// RuntimeEndpoint is the container runtime's socket.
	RuntimeEndpoint string `json:"runtimeEndpoint"` // --runtime-endpoint
}

// DefaultOptions holds the values of what an operator leaves unsaid.
func DefaultOptions() Options {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost" // --advertise and --hostname then have to say it
	}
	return Options{
		ZKSessionTimeout: 10 * time.Second,
		Listen:           ":10260",
		Advertise:        net.JoinHostPort(hostname, "10260"),
		Name:             "k8s-framework",
		User:             "root",
		Hostname:         hostname,
		FailoverTimeout:  3 * 7 * 24 * time.Hour,
		MesosMaxFrame:    64 << 20,
		ReconcileEvery:   scheduler.DefaultConfig().ReconcileEvery,
		KubeQPS:          50,
		KubeBurst:        100,
		Nodes: NodeOptions{
			Executor:        "/usr/local/bin/k8s-executor",
			Kubelet:         "/usr/local/bin/kubelet",
			Kubeconfig:      "/etc/kubernetes/kubelet.conf",
			RootDir:         "/var/lib/kubelet",
			RuntimeEndpoint: "unix:///run/containerd/containerd.sock",
		},
	}
}

// Validate checks all options before anything is started; the error names every flag that is wrong, its value, and what
// is wanted.
func (o Options) Validate() error {
	var problems []error
	reject := func(flag string, value any, want string) {
		problems = append(problems, fmt.Errorf("%s is %v, want %s", flag, value, want))
	}
	if o.Log == nil {
		return errors.New("framework: Options.Log is nil")
	}
	if !strings.HasPrefix(o.Master, "zk://") && !hostPort(o.Master) {
		reject("--master", quote(redact(o.Master)), "host:port, or zk://host:port,…/path")
	}
	if !strings.HasPrefix(o.ZK, "zk://") {
		reject("--zk", quote(redact(o.ZK)), "zk://host:port,…/path")
	}
	if o.ZKSessionTimeout < time.Second {
		reject("--zk-session-timeout", o.ZKSessionTimeout, "1s or more")
	}
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		reject("--listen", quote(o.Listen), "[host]:port")
	}
	if !hostPort(o.Advertise) {
		reject("--advertise", quote(o.Advertise), "host:port")
	}
	if o.Name == "" || o.User == "" {
		reject("--framework-name, --mesos-user", quote(o.Name)+", "+quote(o.User), "both")
	}
	if o.FailoverTimeout < time.Hour {
		reject("--failover-timeout", o.FailoverTimeout, "1h or more: when it passes without any instance, Mesos kills every node")
	}
	if o.MesosMaxFrame < 1<<20 {
		reject("--mesos-max-frame", o.MesosMaxFrame, "1048576 bytes or more")
	}
	if o.ReconcileEvery < 10*time.Second {
		reject("--reconcile-interval", o.ReconcileEvery, "10s or more")
	}
	if o.KubeQPS <= 0 || o.KubeBurst <= 0 {
		reject("--kube-api-qps, --kube-api-burst", fmt.Sprint(o.KubeQPS, ", ", o.KubeBurst), "both more than 0")
	}
	for _, file := range []struct{ flag, path string }{
		{"--kubeconfig", o.Kubeconfig}, {"--mesos-credentials", o.CredentialsFile}, {"--mesos-ca-file", o.MesosCAFile},
	} {
		if err := readable(file.path); file.path != "" && err != nil {
			problems = append(problems, fmt.Errorf("%s is %q, want a readable file: %w", file.flag, file.path, err))
		}
	}
	if o.Kubeconfig == "" {
		reject("--kubeconfig", `""`, "the path of a kubeconfig with access to nodes, pods and evictions")
	}
	return errors.Join(append(problems, checkPools(o.Pools), o.Nodes.validate())...)
}

// encode writes the options for a node's record: a node keeps those that it was launched with.
func (o NodeOptions) encode() (json.RawMessage, error) { return json.Marshal(o) }

// decodeNodeOptions reads what encode wrote.
func decodeNodeOptions(text json.RawMessage) (NodeOptions, error) {
	var o NodeOptions
	if err := decodeStrict(text, &o); err != nil {
		return o, fmt.Errorf("executor.setup of its record: %w", err)
	}
	return o, nil
}

func (o NodeOptions) validate() error {
	var problems []error
	for _, each := range []struct{ flag, path string }{
		{"--executor-path", o.Executor},
		{"--kubelet-path", o.Kubelet},
		{"--kubelet-root-dir", o.RootDir},
		{"--node-kubeconfig", o.Kubeconfig},
		{"--node-bootstrap-kubeconfig", o.BootstrapKubeconfig},
	} {
		optional := strings.HasSuffix(each.flag, "kubeconfig")
		if (each.path != "" || !optional) && !path.IsAbs(each.path) {
			problems = append(problems, fmt.Errorf("%s is %q, want an absolute path on the agents", each.flag, each.path))
		}
	}
	if o.Kubeconfig == "" && o.BootstrapKubeconfig == "" {
		problems = append(problems, errors.New(`--node-kubeconfig and --node-bootstrap-kubeconfig are both "", want one of them`))
	}
	if !strings.HasPrefix(o.RuntimeEndpoint, "unix:///") {
		problems = append(problems, fmt.Errorf("--runtime-endpoint is %q, want unix:///path", o.RuntimeEndpoint))
	}
	return errors.Join(problems...)
}

func hostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	return err == nil && host != "" && port != ""
}

func quote(text string) string { return fmt.Sprintf("%q", text) }

// redact takes the password out of a URL that is shown to people.
func redact(text string) string {
	before, after, found := strings.Cut(text, "@")
	scheme, user, ok := strings.Cut(before, "://")
	if !found || !ok {
		return text
	}
	name, _, _ := strings.Cut(user, ":")
	return (&url.URL{Scheme: scheme, User: url.UserPassword(name, "xxxxx")}).String() + "@" + after
}

func readable(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}
