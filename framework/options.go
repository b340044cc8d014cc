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
	ZKMaxRequest     int           // --zk-max-request, bytes

	// Listen is the address of the operators' API, and Advertise the host:port under which other instances and operators
	// reach it.
	Listen    string // --listen
	Advertise string // --advertise
	// MaxRequest is how many bytes an operator's request may have.
	MaxRequest int // --max-request
	// Profiling serves Go's profiles beside the API.
	Profiling bool // --profiling

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

// NodeOptions says where things are on the agents' hosts, and how they become nodes. All paths are absolute, and are there before a
// node is launched.
type NodeOptions struct {
	// Executor is k8s-executor, Kubelet the kubelet: a path on the agents; or URI#sha256=HEX, fetched and compared; or serve:FILE, a
	// file of this instance's host, which it serves to the nodes at /artifacts/SHA256.
	Executor string `json:"executor"` // --executor
	Kubelet  string `json:"kubelet"`  // --kubelet
	// Join is how a kubelet shows who it is: JoinByKubeconfig or JoinByToken.
	Join string `json:"join,omitempty"` // --node-join
	// APIServer is the URL at which kubelets that join by token reach the API server; empty: that of Options.Kubeconfig.
	APIServer string `json:"apiServer,omitempty"` // --node-api-server
	// ClusterCA holds the certificates that they check it against, in PEM. It is read from Options.Kubeconfig.
	ClusterCA string `json:"clusterCA,omitempty"`
	// ServingCertificates lets kubelets ask the cluster for the certificates that they serve with; those that join by token always do.
	ServingCertificates bool `json:"servingCertificates,omitempty"` // --node-serving-certificates
	// Kubeconfig holds the kubelet's credentials; BootstrapKubeconfig those that may only ask for them. One of both.
	Kubeconfig          string `json:"kubeconfig,omitempty"`          // --node-kubeconfig
	BootstrapKubeconfig string `json:"bootstrapKubeconfig,omitempty"` // --node-bootstrap-kubeconfig
	// RootDir is the kubelet's directory.
	RootDir string `json:"rootDir"` // --kubelet-root-dir
	// RuntimeEndpoint is the container runtime's socket.
	RuntimeEndpoint string `json:"runtimeEndpoint"` // --runtime-endpoint
}

// The values of NodeOptions.Join.
const (
	// JoinByKubeconfig: the host has the kubelet's kubeconfig, or a bootstrap kubeconfig.
	JoinByKubeconfig = "kubeconfig"
	// JoinByToken: the host has nothing; each node gets a bootstrap token of its own from the framework, for one use.
	JoinByToken = "token"
)

// byToken reports whether nodes join by token.
func (o NodeOptions) byToken() bool { return o.Join == JoinByToken }

// approves reports whether the framework has certificates to approve.
func (o NodeOptions) approves() bool { return o.byToken() || o.ServingCertificates }

// DefaultOptions holds the values of what an operator leaves unsaid.
func DefaultOptions() Options {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost" // --advertise and --hostname then have to say it
	}
	return Options{
		ZKSessionTimeout: 10 * time.Second,
		ZKMaxRequest:     512 << 10,
		MaxRequest:       1 << 20,
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
			Join:            JoinByKubeconfig,
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
	if o.ZKMaxRequest < 64<<10 || o.ZKMaxRequest > 1_000_000 {
		reject("--zk-max-request", o.ZKMaxRequest, "65536 to 1000000 bytes")
	}
	if o.MaxRequest < 1<<10 {
		reject("--max-request", o.MaxRequest, "1024 bytes or more")
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
	for _, pool := range o.Pools {
		problems = append(problems, o.fits(pool))
	}
	return errors.Join(append(problems, checkPools(o.Pools), o.Nodes.validate())...)
}

// fits checks that a pool can be stored: its record holds its definition and the one before, and each node's record what it was
// launched with.
func (o Options) fits(pool scheduler.Pool) error {
	text, err := json.Marshal(pool)
	if limit := o.ZKMaxRequest / 4; err == nil && len(text) > limit {
		return fmt.Errorf("pool %q has %d bytes, want at most %d, a quarter of --zk-max-request", pool.Name, len(text), limit)
	}
	return err
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
	for _, each := range []struct{ flag, program string }{{"--executor", o.Executor}, {"--kubelet", o.Kubelet}} {
		problems = append(problems, checkProgram(each.flag, each.program))
	}
	for _, each := range []struct{ flag, path string }{
		{"--kubelet-root-dir", o.RootDir},
		{"--node-kubeconfig", o.Kubeconfig},
		{"--node-bootstrap-kubeconfig", o.BootstrapKubeconfig},
	} {
		optional := strings.HasSuffix(each.flag, "kubeconfig")
		if (each.path != "" || !optional) && !path.IsAbs(each.path) {
			problems = append(problems, fmt.Errorf("%s is %q, want an absolute path on the agents", each.flag, each.path))
		}
	}
	if !strings.HasPrefix(o.RuntimeEndpoint, "unix:///") {
		problems = append(problems, fmt.Errorf("--runtime-endpoint is %q, want unix:///path", o.RuntimeEndpoint))
	}
	return errors.Join(append(problems, o.validateJoin())...)
}

func (o NodeOptions) validateJoin() error {
	switch {
	case o.Join != JoinByKubeconfig && o.Join != JoinByToken:
		return fmt.Errorf("--node-join is %q, want %s or %s", o.Join, JoinByKubeconfig, JoinByToken)
	case o.byToken() && o.BootstrapKubeconfig != "":
		return fmt.Errorf("--node-bootstrap-kubeconfig is %q, want none with --node-join=token: there are no credentials on the host", o.BootstrapKubeconfig)
	case !o.byToken() && o.Kubeconfig == "" && o.BootstrapKubeconfig == "":
		return errors.New(`--node-kubeconfig and --node-bootstrap-kubeconfig are both "", want one of them`)
	case o.APIServer != "" && !strings.HasPrefix(o.APIServer, "https://"):
		return fmt.Errorf("--node-api-server is %q, want https://host:port", o.APIServer)
	default:
		return nil
	}
}

// checkProgram checks one of the three ways to name a program.
func checkProgram(flag, program string) error {
	if name, served := strings.CutPrefix(program, serveMark); served {
		if err := readable(name); name == "" || err != nil {
			return errors.Join(fmt.Errorf("%s is %q, want a readable file of this host behind %s", flag, program, serveMark), err)
		}
		return nil
	}
	if err := parseProgram(program); err != nil {
		return fmt.Errorf("%s: %w, or %sFILE of this host", flag, err, serveMark)
	}
	return nil
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
