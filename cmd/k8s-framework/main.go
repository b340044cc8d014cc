// Command k8s-framework is the scheduler: it runs Kubernetes workers on Apache Mesos. Without a command it runs one
// instance; its commands ask the instances.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"k8s-framework/framework"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "k8s-framework: %v\n", err)
		os.Exit(1)
	}
}

// command is the program with its commands.
func command() *cobra.Command {
	options := framework.DefaultOptions()
	logging := logFlags{level: "info", format: "text"}
	var poolsFile string
	var pools []string
	root := &cobra.Command{
		Use:           "k8s-framework",
		Short:         "Run Kubernetes workers on Apache Mesos",
		Long:          "Run Kubernetes workers on Apache Mesos.\n\nEach flag can be set as an environment variable too: K8S_FRAMEWORK_ and its name in capitals, with _ for -.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logging.entry()
			if err != nil {
				return err
			}
			options.Log = log
			if err := readPools(&options, poolsFile, pools); err != nil {
				return err
			}
			return framework.Run(cmd.Context(), options)
		},
	}
	flags := root.Flags()
	addFlags(flags, &options)
	flags.StringArrayVar(&pools, "pool", nil, "a pool to begin with, as name=workers,nodes=3,cpus=1,mem=1024 (MiB); may be given several times. Once saved, the saved pool counts, and apply changes it")
	flags.StringVar(&poolsFile, "pools", "", "a YAML file of pools to begin with; as --pool, with every field of a pool")
	flags.StringVar(&logging.level, "log-level", logging.level, "least level to log: debug, info, warn or error")
	flags.StringVar(&logging.format, "log-format", logging.format, "format of the log on stderr: text or json")
	root.AddCommand(operatorCommands()...)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags(), os.LookupEnv) }
	return root
}

// addFlags declares what becomes framework.Options. Each flag's text says its unit; pflag adds the default.
func addFlags(flags *pflag.FlagSet, o *framework.Options) {
	flags.StringVar(&o.Master, "master", o.Master, "Mesos master: host:port, or zk://[user:password@]host:port,…/path to find the leader")
	flags.StringVar(&o.ZK, "zk", o.ZK, "where election and state live: zk://[user:password@]host:port,…/path")
	flags.DurationVar(&o.ZKSessionTimeout, "zk-session-timeout", o.ZKSessionTimeout, "ZooKeeper session timeout: a standby leads this long after a leader's sudden death")
	flags.IntVar(&o.ZKMaxRequest, "zk-max-request", o.ZKMaxRequest, "largest request to ZooKeeper, in bytes, and so the largest record; below ZooKeeper's jute.maxbuffer")
	flags.StringVar(&o.Listen, "listen", o.Listen, "address of the operators' API: [host]:port")
	flags.StringVar(&o.Advertise, "advertise", o.Advertise, "host:port at which standbys and operators reach this instance's API")
	flags.IntVar(&o.MaxRequest, "max-request", o.MaxRequest, "largest request of an operator that is taken, in bytes: that of a pools file")
	flags.BoolVar(&o.Profiling, "profiling", o.Profiling, "serve Go's profiles at /debug/pprof/ of --listen")
	flags.StringVar(&o.Name, "framework-name", o.Name, "name of the framework in Mesos")
	flags.StringVar(&o.User, "mesos-user", o.User, "user that runs the executors on the agents; kubelets need root")
	flags.StringVar(&o.Principal, "mesos-principal", o.Principal, "principal of the framework in Mesos (default: that of --mesos-credentials)")
	flags.StringVar(&o.CredentialsFile, "mesos-credentials", o.CredentialsFile, "file with principal and secret for HTTP basic authentication at the master")
	flags.StringVar(&o.Hostname, "hostname", o.Hostname, "host name that Mesos shows of the framework")
	flags.StringVar(&o.WebUI, "webui-url", o.WebUI, "URL that Mesos links the framework to")
	flags.DurationVar(&o.FailoverTimeout, "failover-timeout", o.FailoverTimeout, "how long Mesos lets the nodes go on without any instance; then it kills them all")
	flags.BoolVar(&o.MesosHTTPS, "mesos-https", o.MesosHTTPS, "speak TLS to the Mesos masters")
	flags.StringVar(&o.MesosCAFile, "mesos-ca-file", o.MesosCAFile, "PEM file that the masters' certificates are checked against (default: the system's)")
	flags.IntVar(&o.MesosMaxFrame, "mesos-max-frame", o.MesosMaxFrame, "largest event of the master that is taken, in bytes; one event holds all offers, 400 to 800 bytes each")
	flags.DurationVar(&o.ReconcileEvery, "reconcile-interval", o.ReconcileEvery, "how often Mesos is asked about every task")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "kubeconfig of the framework's access to the Kubernetes API")
	flags.Float32Var(&o.KubeQPS, "kube-api-qps", o.KubeQPS, "requests a second to the Kubernetes API")
	flags.IntVar(&o.KubeBurst, "kube-api-burst", o.KubeBurst, "requests to the Kubernetes API at once")
	n := &o.Nodes
	flags.StringVar(&n.Executor, "executor", n.Executor, "k8s-executor: its path on the agents; or URI#sha256=HEX, fetched and compared; or serve:FILE, a file of this host that the nodes fetch from here")
	flags.StringVar(&n.Kubelet, "kubelet", n.Kubelet, "the kubelet, as --executor")
	flags.StringVar(&n.Join, "node-join", n.Join, "how a kubelet shows who it is: kubeconfig, by a file on its host; or token, by a bootstrap token that is made for it")
	flags.StringVar(&n.APIServer, "node-api-server", n.APIServer, "https URL at which kubelets that join by token reach the API server (default: that of --kubeconfig)")
	flags.BoolVar(&n.ServingCertificates, "node-serving-certificates", n.ServingCertificates, "kubelets ask the cluster for the certificates that they serve with, and the framework approves them; always with --node-join=token")
	flags.StringVar(&n.Kubeconfig, "node-kubeconfig", n.Kubeconfig, "path on the agents of the kubelet's kubeconfig")
	flags.StringVar(&n.BootstrapKubeconfig, "node-bootstrap-kubeconfig", n.BootstrapKubeconfig, "path on the agents of a kubeconfig that may only ask for the kubelet's certificate; with it --node-kubeconfig may be empty")
	flags.StringVar(&n.RootDir, "kubelet-root-dir", n.RootDir, "the kubelet's directory on the agents")
	flags.StringVar(&n.RuntimeEndpoint, "runtime-endpoint", n.RuntimeEndpoint, "the container runtime's socket on the agents")
}

// readPools turns --pools and --pool into options.
func readPools(options *framework.Options, file string, flags []string) error {
	var problems []error
	if file != "" {
		pools, err := framework.ReadPools(file)
		problems = append(problems, err)
		options.Pools = append(options.Pools, pools...)
	}
	for _, text := range flags {
		pool, err := framework.ParsePool(text)
		if err == nil {
			options.Pools = append(options.Pools, pool)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// fromEnvironment sets the flags that the command line left alone, except --yes: an environment is no confirmation.
func fromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var problems []error
	flags.VisitAll(func(flag *pflag.Flag) {
		name := "K8S_FRAMEWORK_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if value, set := lookup(name); set && !flag.Changed && flag.Name != "yes" {
			if err := flag.Value.Set(value); err != nil {
				problems = append(problems, fmt.Errorf("%s is %q: %w", name, value, err))
			}
		}
	})
	return errors.Join(problems...)
}

// logFlags say how to log.
type logFlags struct{ level, format string }

// milliseconds is RFC 3339 with as many digits as tell what came first.
const milliseconds = "2006-01-02T15:04:05.000Z07:00"

func (f logFlags) entry() (*logrus.Entry, error) {
	logger := logrus.New()
	level, err := logrus.ParseLevel(f.level)
	if err != nil {
		return nil, fmt.Errorf("--log-level is %q, want debug, info, warn or error", f.level)
	}
	logger.SetLevel(level)
	switch f.format {
	case "text":
		logger.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: milliseconds})
	case "json":
		logger.SetFormatter(&logrus.JSONFormatter{TimestampFormat: milliseconds})
	default:
		return nil, fmt.Errorf("--log-format is %q, want text or json", f.format)
	}
	return logrus.NewEntry(logger), nil
}
