package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	// The kubelet leaves these at what it makes; they are no API, but have been the same for years.
	podUIDLabel   = "io.kubernetes.pod.uid"
	podNameLabel  = "io.kubernetes.pod.name"
	podSpaceLabel = "io.kubernetes.pod.namespace"
	graceLabel    = "io.kubernetes.pod.terminationGracePeriod" // an annotation of containers, in seconds

	usualGrace  = 30 * time.Second // of a pod that does not say
	atLeast     = time.Second
	callTimeout = 20 * time.Second
	stopsAtOnce = 8
)

// stopPods stops and removes, in the container runtime at the endpoint, every pod whose cgroup is below root/kubepods, and
// so every pod of the kubelet with that cgroup root and none of another's. Containers get their own grace period, a second
// at least and longest at most. It returns nil when none is left. The kubelet must not run: it would start them again.
func stopPods(ctx context.Context, endpoint, root string, longest time.Duration) error {
	connection, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("container runtime %s: %w", endpoint, err)
	}
	defer connection.Close()
	r := &runtimeClient{client: cri.NewRuntimeServiceClient(connection), root: root, longest: longest}
	pods, err := r.pods(ctx)
	if err != nil {
		return fmt.Errorf("container runtime %s: %w", endpoint, err)
	}
	var group errgroup.Group
	group.SetLimit(stopsAtOnce)
	failures := make([]error, len(pods))
	for i, pod := range pods {
		group.Go(func() error {
			failures[i] = r.end(ctx, pod)
			return nil // the others are stopped all the same
		})
	}
	_ = group.Wait()
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("container runtime %s: %w", endpoint, err)
	}
	if pods, err = r.pods(ctx); err == nil && len(pods) > 0 {
		err = fmt.Errorf("%d pods are there again, the first %s", len(pods), podName(pods[0]))
	}
	if err != nil {
		return fmt.Errorf("container runtime %s: %w", endpoint, err)
	}
	return nil
}

// podsOf names the pods that stopPods would stop.
func podsOf(ctx context.Context, endpoint, root string) ([]string, error) {
	connection, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("container runtime %s: %w", endpoint, err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	r := &runtimeClient{client: cri.NewRuntimeServiceClient(connection), root: root}
	pods, err := r.pods(ctx)
	var names []string
	for _, pod := range pods {
		names = append(names, podName(pod))
	}
	return names, err
}

// runtimeClient speaks the Container Runtime Interface.
type runtimeClient struct {
	client  cri.RuntimeServiceClient
	root    string
	longest time.Duration
}

// pods are the kubelet's pods that the runtime knows, running or not.
func (r *runtimeClient) pods(ctx context.Context) ([]*cri.PodSandbox, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := r.client.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	var ours []*cri.PodSandbox
	for _, pod := range list.GetItems() {
		if pod.GetLabels()[podUIDLabel] == "" {
			continue // not a kubelet's
		}
		answer, err := r.client.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: pod.GetId(), Verbose: true})
		if status.Code(err) == codes.NotFound {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("status of pod %s: %w", podName(pod), err)
		}
		if place := cgroupOf(answer.GetInfo()); place == "" || strings.HasPrefix(place, r.root+"/kubepods/") {
			ours = append(ours, pod)
		}
	}
	return ours, nil
}

// cgroupOf is the pod's cgroup by the runtime's verbose information; empty if it does not say. containerd shows the pod's
// configuration, CRI-O the OCI runtime's.
func cgroupOf(info map[string]string) string {
	var shown struct {
		Config struct {
			Linux struct {
				CgroupParent string `json:"cgroup_parent"`
			} `json:"linux"`
		} `json:"config"`
		RuntimeSpec struct {
			Linux struct {
				CgroupsPath string `json:"cgroupsPath"`
			} `json:"linux"`
		} `json:"runtimeSpec"`
	}
	if err := json.Unmarshal([]byte(info["info"]), &shown); err != nil {
		return ""
	}
	if place := shown.Config.Linux.CgroupParent; place != "" {
		return place
	}
	return shown.RuntimeSpec.Linux.CgroupsPath
}

// end stops the pod's containers, all at the same time, then the pod with its network, and removes it.
func (r *runtimeClient) end(ctx context.Context, pod *cri.PodSandbox) error {
	listing, cancel := context.WithTimeout(ctx, callTimeout)
	list, err := r.client.ListContainers(listing, &cri.ListContainersRequest{Filter: &cri.ContainerFilter{PodSandboxId: pod.GetId()}})
	cancel()
	if err != nil {
		return fmt.Errorf("list containers of pod %s: %w", podName(pod), err)
	}
	var group errgroup.Group
	for _, container := range list.GetContainers() {
		if container.GetState() != cri.ContainerState_CONTAINER_EXITED {
			group.Go(func() error { return r.stop(ctx, container) })
		}
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("pod %s: %w", podName(pod), err)
	}
	ctx, cancel = context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := r.client.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: pod.GetId()}); gone(err) != nil {
		return fmt.Errorf("stop pod %s: %w", podName(pod), err)
	}
	if _, err := r.client.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: pod.GetId()}); gone(err) != nil {
		return fmt.Errorf("remove pod %s: %w", podName(pod), err)
	}
	return nil
}

func (r *runtimeClient) stop(ctx context.Context, container *cri.Container) error {
	grace := usualGrace
	if seconds, err := strconv.Atoi(container.GetAnnotations()[graceLabel]); err == nil && seconds >= 0 {
		grace = time.Duration(seconds) * time.Second
	}
	grace = max(atLeast, min(grace, r.longest)).Truncate(time.Second)
	ctx, cancel := context.WithTimeout(ctx, grace+callTimeout)
	defer cancel()
	_, err := r.client.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: container.GetId(), Timeout: int64(grace.Seconds())})
	if gone(err) != nil {
		return fmt.Errorf("stop container %s: %w", container.GetMetadata().GetName(), err)
	}
	return nil
}

// gone takes "not found" for the success that it is.
func gone(err error) error {
	if status.Code(err) == codes.NotFound {
		return nil
	}
	return err
}

func podName(pod *cri.PodSandbox) string {
	return pod.GetLabels()[podSpaceLabel] + "/" + pod.GetLabels()[podNameLabel]
}
