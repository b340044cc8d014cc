//go:build e2e

package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/process"
	"k8s-framework/internal/local/site"
	"k8s-framework/scheduler"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }

// stage is a site with one bare host, and what the test has seen of it.
type stage struct {
	*site.Site
	t                       *testing.T
	executor, kubelet       string // the files that the framework serves
	executorSum, kubeletSum string

	mu   sync.Mutex
	seen map[string]string // every bootstrap token that the API server ever had of ours: secrets by ID
}

// open starts the site: a cluster that approves nothing by itself, and the framework with the rights of the manifest.
func open(t *testing.T) *stage {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	opened, err := site.Start(ctx, site.Options{
		Agents: 1, Masters: 1, BareHosts: true,
		AgentResources: "cpus:2;mem:2048;disk:10000;ports:[31000-32000]",
		Says:           func(format string, args ...any) { t.Logf(format, args...) },
	})
	require.NoError(t, err)
	s := &stage{Site: opened, t: t, seen: map[string]string{}}
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	for _, name := range []string{"local-bootstrap", "local-approve", "local-renew"} {
		require.NoError(t, s.Kube.Client().RbacV1().ClusterRoleBindings().Delete(t.Context(), name, metav1.DeleteOptions{}))
	}
	s.grant(t)
	go s.watchTokens(ctx)

	s.executor, s.kubelet = filepath.Join(filepath.Dir(s.Lab.BinDir()), "k8s-executor"), filepath.Join(s.Lab.BinDir(), "kubelet")
	s.executorSum, s.kubeletSum = sum(t, s.executor), sum(t, s.kubelet)
	kubeconfig, err := s.Kube.Kubeconfig("k8s-framework")
	require.NoError(t, err)
	s.AddInstanceFlags("--kubeconfig="+kubeconfig, "--node-join=token", "--executor=serve:"+s.executor, "--kubelet=serve:"+s.kubelet,
		"--pool=name=workers,nodes=1,cpus=1,mem=1024,drain-deadline=30s", "--log-level=debug")
	_, err = s.StartInstance(t.Context())
	require.NoError(t, err)
	return s
}

// chapter runs a part of the test; without it those that follow make no sense.
func (s *stage) chapter(name string, run func(*testing.T, *stage)) {
	if !s.t.Run(name, func(t *testing.T) { run(t, s) }) {
		status, _ := s.Command(context.WithoutCancel(s.t.Context()), "status")
		s.t.Fatal(status)
	}
}

// grant applies examples/rbac.yaml, as an operator would.
func (s *stage) grant(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("../../examples/rbac.yaml")
	require.NoError(t, err)
	for _, document := range strings.Split(string(text), "\n---\n") {
		var object metav1.PartialObjectMetadata
		require.NoError(t, yaml.Unmarshal([]byte(document), &object))
		body, err := yaml.YAMLToJSON([]byte(document))
		require.NoError(t, err)
		s.eventually(t, "the API server to take "+object.Kind+" "+object.Name, func(ctx context.Context) error {
			return s.Kube.Client().RbacV1().RESTClient().Post().NamespaceIfScoped(object.Namespace, object.Namespace != "").
				Resource(strings.ToLower(object.Kind) + "s").Body(body).Do(ctx).Error()
		})
	}
}

// watchTokens remembers every token of ours that the API server has for a moment.
func (s *stage) watchTokens(ctx context.Context) {
	for ctx.Err() == nil {
		watch, err := s.Kube.Client().CoreV1().Secrets("kube-system").Watch(ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for event := range watch.ResultChan() {
			secret, is := event.Object.(*corev1.Secret)
			if is && strings.Contains(string(secret.Data["description"]), "k8s-framework") {
				s.mu.Lock()
				s.seen[string(secret.Data["token-id"])] = string(secret.Data["token-secret"])
				s.mu.Unlock()
			}
		}
	}
}

func (s *stage) tokens() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.seen)
}

func (s *stage) requests(t *testing.T) []certificatesv1.CertificateSigningRequest {
	t.Helper()
	list, err := s.Kube.Client().CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	return list.Items
}

func (s *stage) eventually(t *testing.T, what string, probe func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	if err := process.WaitFor(ctx, what, probe); err != nil {
		status, _ := s.Command(context.WithoutCancel(t.Context()), "status")
		t.Fatalf("%v\n%s", err, status)
	}
}

// nodeReady waits for the one node: Ready, without the starting taint.
func (s *stage) nodeReady(t *testing.T) corev1.Node {
	t.Helper()
	var found corev1.Node
	s.eventually(t, "a Ready node without its starting taint", func(ctx context.Context) error {
		view, err := s.State(ctx)
		if err != nil {
			return err
		}
		nodes, err := s.Kube.Client().CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(nodes.Items) != 1 || len(view.Nodes) != 1 || view.Nodes[0].Phase != scheduler.Ready {
			return fmt.Errorf("%d Nodes, and of the framework's %v", len(nodes.Items), view.Nodes)
		}
		found = nodes.Items[0]
		for _, taint := range found.Spec.Taints {
			if taint.Key == scheduler.StartingTaintKey {
				return errors.New("it has the starting taint")
			}
		}
		return nil
	})
	require.Equal(t, s.Agents[0].Host.Name(), found.Name)
	return found
}

func (s *stage) scale(t *testing.T, nodes int) {
	t.Helper()
	s.eventually(t, "the framework to take a number", func(ctx context.Context) error {
		_, err := s.Command(ctx, "scale", "workers", strconv.Itoa(nodes))
		return err
	})
}

// restartWith starts the instance anew with further flags.
func (s *stage) restartWith(t *testing.T, flags ...string) {
	t.Helper()
	require.NoError(t, s.Instances[0].Stop(t.Context()))
	s.AddInstanceFlags(flags...)
	_, err := s.RestartInstance(t.Context(), 0)
	require.NoError(t, err)
}

// logged waits until a line of the framework's log has all the words.
func (s *stage) logged(t *testing.T, words ...string) {
	t.Helper()
	s.eventually(t, fmt.Sprintf("the framework to log %q", words), func(context.Context) error {
		text, err := os.ReadFile(filepath.Join(s.Lab.LogDir(), "k8s-framework-1.log"))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			has := true
			for _, word := range words {
				has = has && strings.Contains(line, word)
			}
			if has {
				return nil
			}
		}
		return errors.New("it has not yet")
	})
}

// diskOf is where a private folder of a host is on the machine.
func (s *stage) diskOf(agent *site.Agent, folder string) string {
	return filepath.Join(agent.Host.Dir(), "disk", folder)
}

// processes tells of every process of the lab, those of its hosts included.
func processes(t *testing.T, tell func(pid, arguments, environment string)) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		arguments, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		environment, problem := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if errors.Join(err, problem) == nil { // or else it has ended
			spaced := strings.NewReplacer("\x00", " ")
			tell(entry.Name(), spaced.Replace(string(arguments)), spaced.Replace(string(environment)))
		}
	}
}

// files tells of every file below a folder that is no program.
func files(t *testing.T, folder string, tell func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, "/k8s-executor") {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			tell(path, text)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	require.NoError(t, err)
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", url, text)
	return string(text)
}

func sum(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	digest := sha256.New()
	_, err = io.Copy(digest, file)
	require.NoError(t, err)
	return hex.EncodeToString(digest.Sum(nil))
}
