package executor

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// runtimeServer is a container runtime of pods that have one container each. It speaks the real protocol over a socket.
type runtimeServer struct {
	cri.UnimplementedRuntimeServiceServer
	endpoint string

	mu   sync.Mutex
	pods map[string]*pod
	did  []string
	// stubborn pods come back when they are removed, as those of a kubelet that runs.
	stubborn bool
}

type pod struct {
	id, cgroup string
	foreign    bool   // not made by a kubelet
	grace      string // of its container
	info       string // instead of what containerd shows
}

func startRuntime(t *testing.T, pods ...pod) *runtimeServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "cri") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	r := &runtimeServer{endpoint: "unix://" + filepath.Join(dir, "s"), pods: map[string]*pod{}}
	for _, each := range pods {
		r.pods[each.id] = &each
	}
	server := grpc.NewServer()
	cri.RegisterRuntimeServiceServer(server, r)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return r
}

func (r *runtimeServer) note(format string, values ...any) {
	r.did = append(r.did, fmt.Sprintf(format, values...))
}

func (r *runtimeServer) log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	did := slices.Clone(r.did)
	slices.Sort(did)
	return did
}

func (r *runtimeServer) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := &cri.ListPodSandboxResponse{}
	for _, p := range r.pods {
		labels := map[string]string{podUIDLabel: p.id, podSpaceLabel: "default", podNameLabel: p.id}
		if p.foreign {
			labels = nil
		}
		answer.Items = append(answer.Items, &cri.PodSandbox{Id: p.id, Labels: labels})
	}
	return answer, nil
}

func (r *runtimeServer) PodSandboxStatus(_ context.Context, request *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.pods[request.GetPodSandboxId()]
	if !ok {
		return nil, status.Error(codes.NotFound, "no such pod")
	}
	info := p.info
	if info == "" {
		info = fmt.Sprintf(`{"pid":1,"config":{"metadata":{"name":"x"},"linux":{"cgroup_parent":%q}}}`, p.cgroup)
	}
	return &cri.PodSandboxStatusResponse{Info: map[string]string{"info": info}}, nil
}

func (r *runtimeServer) ListContainers(_ context.Context, request *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.pods[request.GetFilter().GetPodSandboxId()]
	if !ok {
		return &cri.ListContainersResponse{}, nil
	}
	metadata := &cri.ContainerMetadata{Name: "c"}
	return &cri.ListContainersResponse{Containers: []*cri.Container{
		{Id: p.id + ".c", Metadata: metadata, State: cri.ContainerState_CONTAINER_RUNNING, Annotations: map[string]string{graceLabel: p.grace}},
		{Id: p.id + ".old", Metadata: metadata, State: cri.ContainerState_CONTAINER_EXITED},
	}}, nil
}

func (r *runtimeServer) StopContainer(_ context.Context, request *cri.StopContainerRequest) (*cri.StopContainerResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note("stop container %s within %d s", request.GetContainerId(), request.GetTimeout())
	return &cri.StopContainerResponse{}, nil
}

func (r *runtimeServer) StopPodSandbox(_ context.Context, request *cri.StopPodSandboxRequest) (*cri.StopPodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note("stop pod %s", request.GetPodSandboxId())
	return &cri.StopPodSandboxResponse{}, nil
}

func (r *runtimeServer) RemovePodSandbox(_ context.Context, request *cri.RemovePodSandboxRequest) (*cri.RemovePodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note("remove pod %s", request.GetPodSandboxId())
	if !r.stubborn {
		delete(r.pods, request.GetPodSandboxId())
	}
	return &cri.RemovePodSandboxResponse{}, nil
}

func TestStopPodsStopsOurKubeletsOnly(t *testing.T) {
	r := startRuntime(t,
		pod{id: "a", cgroup: "/mesos/x/kubepods/besteffort/poda", grace: "5"},
		pod{id: "b", cgroup: "/mesos/x/kubepods/podb", grace: "600"},
		pod{id: "c", cgroup: "/mesos/x/kubepods/podc", grace: "0"},
		pod{id: "d", info: `{"runtimeSpec":{"linux":{"cgroupsPath":"/mesos/x/kubepods/podd/1"}}}`},
		pod{id: "other-kubelet", cgroup: "/mesos/xyz/kubepods/besteffort/podo"},
		pod{id: "by-hand", cgroup: "/mesos/x/kubepods/podh", foreign: true},
	)
	require.NoError(t, stopPods(t.Context(), r.endpoint, "/mesos/x", 40*time.Second))
	assert.Equal(t, []string{
		"remove pod a", "remove pod b", "remove pod c", "remove pod d",
		"stop container a.c within 5 s", "stop container b.c within 40 s", "stop container c.c within 1 s", "stop container d.c within 30 s",
		"stop pod a", "stop pod b", "stop pod c", "stop pod d",
	}, r.log())
	require.NoError(t, stopPods(t.Context(), r.endpoint, "/mesos/x", time.Second), "nothing left is fine")
}

func TestStopPodsSaysWhatIsLeft(t *testing.T) {
	r := startRuntime(t, pod{id: "a", cgroup: "/mesos/x/kubepods/poda"})
	r.stubborn = true
	err := stopPods(t.Context(), r.endpoint, "/mesos/x", time.Second)
	require.ErrorContains(t, err, "container runtime unix://")
	require.ErrorContains(t, err, "1 pods are there again, the first default/a")

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err = stopPods(ctx, "unix:///no/such/socket", "/mesos/x", time.Second)
	require.ErrorContains(t, err, "container runtime unix:///no/such/socket: list pods")
}
