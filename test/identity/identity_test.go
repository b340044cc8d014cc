//go:build e2e

package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"k8s-framework/internal/local/kube/images"
	"k8s-framework/scheduler"
)

// The chapters build on one another.
func TestIdentity(t *testing.T) {
	s := open(t)
	s.chapter("ANodeJoinsByToken", joins)
	s.chapter("TheTokenIsNowhere", tokenIsNowhere)
	s.chapter("ProgramsAreThoseThatWereMeant", programsAreRight)
	s.chapter("PodsAndLogsWork", podsWork)
	s.chapter("AForgedRequestIsNotApproved", forgedRequest)
	s.chapter("NothingIsLeftOnTheHost", nothingIsLeft)
	s.chapter("AWrongExecutorIsRefused", wrongExecutor)
	s.chapter("AWrongKubeletIsRefused", wrongKubelet)
	require.NoError(t, s.Kube.Err())
}

// A host without any credentials becomes a node, and the secret of its token is gone afterwards.
func joins(t *testing.T, s *stage) {
	began := time.Now()
	node := s.nodeReady(t)
	t.Logf("from the start of the framework to a Ready node without its starting taint: %s", time.Since(began).Round(100*time.Millisecond))
	require.NotEmpty(t, s.tokens(), "a token was made for it")
	s.eventually(t, "the token's secret to be gone", func(ctx context.Context) error {
		secrets, err := s.Kube.Client().CoreV1().Secrets("kube-system").List(ctx, metav1.ListOptions{FieldSelector: "type=bootstrap.kubernetes.io/token"})
		if err != nil {
			return err
		}
		for _, secret := range secrets.Items {
			if strings.Contains(string(secret.Data["description"]), "k8s-framework") {
				return fmt.Errorf("%s is there", secret.Name)
			}
		}
		return nil
	})
	s.eventually(t, "both of its certificates to be approved by us", func(context.Context) error {
		askers := map[string]string{}
		for _, request := range s.requests(t) {
			approved := len(request.Status.Conditions) == 1 && request.Status.Conditions[0].Reason == "LaunchedByMesosFramework"
			if approved && len(request.Status.Certificate) > 0 {
				askers[request.Spec.SignerName] = request.Spec.Username
			}
		}
		if !strings.HasPrefix(askers[string(scheduler.ClientCertificate)], "system:bootstrap:") ||
			askers[string(scheduler.ServingCertificate)] != "system:node:"+node.Name {
			return fmt.Errorf("so far %v", askers)
		}
		return nil
	})
}

// The token stands in no state, argument, environment, log or file of Mesos, of the framework, of the executor or of the kubelet.
func tokenIsNowhere(t *testing.T, s *stage) {
	places := map[string]string{}
	leader, err := s.Leader(t.Context())
	require.NoError(t, err)
	places["state of the master"] = get(t, "http://"+leader.Address+"/state")
	agent := s.Agents[0]
	places["state of the agent"] = get(t, fmt.Sprintf("http://%s:5051/state", agent.Host.Address()))
	for _, call := range []string{"GET_STATE", "GET_EXECUTORS", "GET_TASKS"} {
		answer, err := s.Operate(t.Context(), fmt.Sprintf(`{"type":%q}`, call))
		require.NoError(t, err)
		places[call+" of the master"] = string(answer)
	}
	processes(t, func(pid string, arguments, environment string) {
		places["arguments of process "+pid] = arguments
		places["environment of process "+pid] = environment
	})
	for _, folder := range []string{s.Lab.LogDir(), filepath.Join(agent.Host.Dir(), "mesos")} {
		files(t, folder, func(path string, text []byte) { places["file "+path] = string(text) })
	}
	files(t, s.diskOf(agent, "/var/lib/kubelet/k8s-executor-join"), func(path string, text []byte) { places["file "+path] = string(text) })
	found := map[string]bool{} // what must be found, to know that the search finds
	for place, text := range places {
		for id, secret := range s.tokens() {
			require.NotContains(t, text, secret, "%s", place)
			found["the token's public half"] = found["the token's public half"] || strings.Contains(text, "bootstrap token "+id)
		}
		found["executors in states"] = found["executors in states"] || strings.HasPrefix(place, "state") && strings.Contains(text, "workers-1")
		found["Mesos in environments"] = found["Mesos in environments"] || strings.HasPrefix(place, "environment") && strings.Contains(text, "MESOS_EXECUTOR_ID=")
		found["kubelets in arguments"] = found["kubelets in arguments"] || strings.HasPrefix(place, "arguments") && strings.Contains(text, "--bootstrap-kubeconfig=")
		found["a sandbox"] = found["a sandbox"] || strings.HasSuffix(place, "/kubelet.yaml")
		found["a private key"] = found["a private key"] || strings.Contains(text, "PRIVATE KEY")
	}
	for _, what := range []string{
		"the token's public half", "executors in states", "Mesos in environments", "kubelets in arguments", "a sandbox", "a private key",
	} {
		require.True(t, found[what], "the search has not found %s", what)
	}
	left, err := agent.Host.Exec(t.Context(), "find", "/run", "-name", "bootstrap.kubeconfig")
	require.NoError(t, err)
	require.Empty(t, left, "the kubelet has its certificate")
	require.NoFileExists(t, s.diskOf(agent, "/var/lib/kubelet/kubeconfig"))
}

// The executor is the one that the framework served, the kubelet as well, and the kubelet knows nothing of Mesos.
func programsAreRight(t *testing.T, s *stage) {
	var kubelets, executors int
	processes(t, func(pid, arguments, environment string) {
		program, err := os.Readlink(filepath.Join("/proc", pid, "exe"))
		if err != nil {
			return // it has ended
		}
		switch {
		case strings.Contains(arguments, "--hostname-override="):
			kubelets++
			require.Equal(t, "/var/lib/kubelet/k8s-executor-cache/"+s.kubeletSum+"/kubelet", program)
			require.NotContains(t, environment, "MESOS")
			require.NotContains(t, environment, "TOKEN")
			require.Contains(t, environment, "PATH=")
		case strings.HasSuffix(program, "/k8s-executor"):
			executors++
			require.Contains(t, program, "/mesos/slaves/", "it runs in its sandbox")
			require.Equal(t, s.executorSum, sum(t, filepath.Join("/proc", pid, "exe")))
		}
	})
	require.Equal(t, 1, kubelets)
	require.Equal(t, 1, executors)
}

// A pod comes to the node, and the kubelet serves with a certificate of the cluster to clients of the cluster.
func podsWork(t *testing.T, s *stage) {
	client := s.Kube.Client()
	_, err := client.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: images.Web}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	var node string
	s.eventually(t, "the pod to run", func(ctx context.Context) error {
		pod, err := client.CoreV1().Pods("default").Get(ctx, "web", metav1.GetOptions{})
		if err == nil && pod.Status.Phase != corev1.PodRunning {
			err = fmt.Errorf("it is %s: %v", pod.Status.Phase, pod.Status.Conditions)
		}
		if err == nil {
			node = pod.Spec.NodeName
		}
		return err
	})
	authority, err := os.ReadFile(s.Kube.CAFile())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))
	address := s.Agent(node).Host.Address().String()
	s.eventually(t, "the kubelet to serve with a certificate of the cluster", func(ctx context.Context) error {
		dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: address}}
		connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, "10250"))
		if err != nil {
			return err
		}
		return connection.Close()
	})
	text, err := client.CoreV1().Pods("default").GetLogs("web", &corev1.PodLogOptions{}).DoRaw(t.Context())
	require.NoError(t, err, "%s", text)
}

// The right user with the wrong names: an alarm, and no approval. The same user with the right names is approved.
func forgedRequest(t *testing.T, s *stage) {
	node := s.nodeReady(t)
	agent := s.Agent(node.Name)
	kubeconfig, err := s.Kube.KubeletKubeconfig(node.Name)
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(t, err)
	kubelet, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	address := net.IP(agent.Host.Address().AsSlice())
	forged := ask(t, kubelet, node.Name, address, "kubernetes.default.svc")
	honest := ask(t, kubelet, node.Name, address)
	s.eventually(t, "the honest request to be approved", func(ctx context.Context) error {
		seen, err := kubelet.CertificatesV1().CertificateSigningRequests().Get(ctx, honest, metav1.GetOptions{})
		if err == nil && len(seen.Status.Certificate) == 0 {
			err = errors.New("it is not signed")
		}
		return err
	})
	s.logged(t, "certificate request "+forged+" (kubernetes.io/kubelet-serving) is not approved: dnsNames is",
		`want [\"`+node.Name+`\"]`)
	seen, err := kubelet.CertificatesV1().CertificateSigningRequests().Get(t.Context(), forged, metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, seen.Status.Conditions)
	require.Empty(t, seen.Status.Certificate)
}

// ask asks for a serving certificate of a node, with further names.
func ask(t *testing.T, by kubernetes.Interface, node string, address net.IP, names ...string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "system:node:" + node, Organization: []string{"system:nodes"}},
		DNSNames: append([]string{node}, names...), IPAddresses: []net.IP{address},
	}, key)
	require.NoError(t, err)
	made, err := by.CertificatesV1().CertificateSigningRequests().Create(t.Context(), &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "asked-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
			SignerName: string(scheduler.ServingCertificate), Usages: []certificatesv1.KeyUsage{"digital signature", "server auth"},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return made.Name
}

// With the node its keys and certificates go from the host; the programs stay for the next.
func nothingIsLeft(t *testing.T, s *stage) {
	agent := s.Agents[0]
	folder := s.diskOf(agent, "/var/lib/kubelet/k8s-executor-join")
	require.DirExists(t, folder)
	s.scale(t, 0)
	s.eventually(t, "the node to be gone", func(ctx context.Context) error {
		view, err := s.State(ctx)
		if err == nil && len(view.Nodes) > 0 {
			err = fmt.Errorf("it is %s: %s", view.Nodes[0].Phase, view.Nodes[0].Why)
		}
		return err
	})
	require.NoDirExists(t, folder)
	require.FileExists(t, s.diskOf(agent, "/var/lib/kubelet/k8s-executor-cache/"+s.kubeletSum+"/kubelet"))
}

// What an agent fetches is executed only if it is what --executor names.
func wrongExecutor(t *testing.T, s *stage) {
	wrong := strings.Repeat("0a", 32)
	uri := "file://" + s.executor // hosts see the machine's file system
	s.restartWith(t, "--executor="+uri+"#sha256="+wrong)
	s.scale(t, 1)
	s.logged(t, "the executor that the agent fetched is another than --executor names, and was not executed")
	s.eventually(t, "the sandbox to say what was found", func(context.Context) error {
		err := errors.New("no stderr says it")
		files(t, filepath.Join(s.Agents[0].Host.Dir(), "mesos"), func(path string, text []byte) {
			if filepath.Base(path) == "stderr" && strings.Contains(string(text), uri+": sha256 is "+s.executorSum+", want "+wrong+": it is not executed") {
				err = nil
			}
		})
		return err
	})
	s.scale(t, 0)
}

// The same of the kubelet: the task says URI, expected and found sum.
func wrongKubelet(t *testing.T, s *stage) {
	wrong := strings.Repeat("0b", 32)
	uri := "file://" + s.kubelet
	s.restartWith(t, "--executor=serve:"+s.executor, "--kubelet="+uri+"#sha256="+wrong)
	s.scale(t, 1)
	s.logged(t, "TASK_FAILED", "cannot prepare the host: get the kubelet: "+uri+": sha256 is "+s.kubeletSum+", want "+wrong+": it is not executed")
}
