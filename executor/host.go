package executor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s-framework/internal/kubelet"
)

// Paths are the places of the kernel's files, which tests replace.
type Paths struct{ Proc, Sys, Run string }

// host performs what the machine wants of the machine that it runs on. All but start block, and are called in a goroutine of
// their own, but never two at a time: the machine waits for the result of one before it asks for the next.
type host struct {
	paths        Paths
	sandbox      string
	cgroupParent string   // of cgroup roots that are not a Mesos container's
	environment  []string // the kubelet's

	spec   kubelet.Spec
	lock   *lock
	who    holder // of the lock
	cgroup *kubelet.Cgroup
	output *output

	program string   // the kubelet's path
	process *process // the last one that was started
}

// prepare makes the host ours: the lock, the end of what an earlier kubelet left, the cgroups. waiting says what takes long.
func (h *host) prepare(ctx context.Context, spec kubelet.Spec, container string, waiting func(string)) (kubelet.Host, error) {
	h.spec = spec
	h.output = newOutput(filepath.Join(h.sandbox, "kubelet.log"), spec.LogBytes)
	var err error
	h.who = holder{Node: spec.Node, Executor: memberOf(os.Getpid())}
	if h.lock, err = takeLock(ctx, spec.LockPath(), h.who, waiting); err != nil {
		return kubelet.Host{}, err
	}
	fallback := filepath.Join(h.cgroupParent, spec.Node+"."+container)
	cgroup, err := kubelet.FindCgroup(filepath.Join(h.paths.Proc, "self"), container, fallback)
	if err != nil {
		return kubelet.Host{}, err
	}
	if err := h.reap(ctx, cgroup, waiting); err != nil {
		return kubelet.Host{}, err
	}
	if err := h.awaitPort(ctx, waiting); err != nil {
		return kubelet.Host{}, err
	}
	if h.program, err = h.obtain(ctx, waiting); err != nil {
		return kubelet.Host{}, err
	}
	if err := h.enterCluster(); err != nil {
		return kubelet.Host{}, err
	}
	h.cgroup = cgroup
	if err := cgroup.Make(); err != nil {
		return kubelet.Host{}, err
	}
	if err := (estate{Node: spec.Node, Root: cgroup.Root}).write(spec.RootDir); err != nil {
		return kubelet.Host{}, err
	}
	return kubelet.ReadHost(h.paths.Proc, h.paths.Sys, spec.RootDir)
}

// reap ends what an executor left that died before its pods: with the posix launcher nobody else does. It goes on until
// nothing is left, for a pod that runs twice is worse than one that starts late.
func (h *host) reap(ctx context.Context, cgroup *kubelet.Cgroup, waiting func(string)) error {
	left, err := readEstate(h.spec.RootDir)
	if err != nil || left == nil {
		return err
	}
	abandoned := cgroup.Abandoned(left.Root)
	for told := ""; ; {
		err := stopPods(ctx, h.spec.RuntimeEndpoint, left.Root, 10*time.Second)
		if err == nil {
			err = endProcesses(ctx, abandoned, 5*time.Second)
		}
		if err == nil {
			err = abandoned.Remove()
		}
		if err == nil {
			return removeEstate(h.spec.RootDir)
		}
		if err.Error() != told {
			told = err.Error()
			waiting(fmt.Sprintf("for the end of what node %s left in the cgroup %s: %v", left.Node, left.Root, err))
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// awaitPort waits while something answers at the kubelet's healthz port: it would be taken for our kubelet.
func (h *host) awaitPort(ctx context.Context, waiting func(string)) error {
	for told := false; listens(h.spec.HealthzPort); told = true {
		if !told {
			waiting(fmt.Sprintf("port %d (healthzPort) of 127.0.0.1 is in use: does another kubelet run on this host?", h.spec.HealthzPort))
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// start writes the configuration and starts the kubelet. It returns what tells its end, and in a sentence what of the slice
// cannot be had yet. The host is counted anew, for its huge pages may have changed since.
func (h *host) start(slice kubelet.Slice) (p *process, short string, err error) {
	own, err := kubelet.ReadHost(h.paths.Proc, h.paths.Sys, h.spec.RootDir)
	if err != nil {
		return nil, "", err
	}
	text, err := kubelet.Configuration(h.spec, slice, own, h.cgroup.Placement)
	if err != nil {
		return nil, "", err
	}
	limit, err := h.cgroup.LimitMemory(slice.MemoryBytes)
	if err != nil {
		return nil, "", err
	}
	if limit > slice.MemoryBytes {
		short = fmt.Sprintf("pods use %d bytes of memory, more than the %d that there are: their limit falls as they do", limit, slice.MemoryBytes)
	}
	file := filepath.Join(h.sandbox, "kubelet.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return nil, "", fmt.Errorf("write the kubelet's configuration: %w", err)
	}
	cmd := exec.Command(h.program, kubelet.Arguments(h.spec, file)...)
	cmd.Dir, cmd.Env = h.sandbox, h.environment
	cmd.Stdout, cmd.Stderr = h.output, h.output
	cmd.ExtraFiles = []*os.File{h.lock.file} // the lock lives as long as the kubelet
	if h.process, err = startProcess(cmd); err != nil {
		return nil, "", err
	}
	h.who.Kubelet = memberOf(h.process.pid)
	if err := h.lock.write(h.who); err != nil { // only others would have read it
		short = strings.TrimPrefix(short+"; lock: "+err.Error(), "; ")
	}
	return h.process, short, nil
}

// clean makes sure that no process of a pod is left, whatever the runtime said, and removes the cgroup. It may be called
// again after an error, and at any time after prepare has returned.
func (h *host) clean(ctx context.Context) error {
	if h.cgroup != nil {
		if err := endProcesses(ctx, h.cgroup, 10*time.Second); err != nil {
			return err
		}
		if err := h.cgroup.Remove(); err != nil {
			return err
		}
		if err := h.leaveCluster(); err != nil {
			return err
		}
		if err := removeEstate(h.spec.RootDir); err != nil {
			return err
		}
	}
	if h.output != nil {
		h.output.Close()
	}
	h.lock.release()
	h.lock = nil
	return nil
}

// endProcesses waits for the processes below the cgroup's kubepods, and kills those that are still there after a second. Only
// the kernel's list counts.
func endProcesses(ctx context.Context, cgroup *kubelet.Cgroup, within time.Duration) error {
	began := time.Now()
	for {
		processes, err := cgroup.Processes()
		if err != nil || len(processes) == 0 {
			return err
		}
		if waited := time.Since(began); waited > within {
			return fmt.Errorf("%d processes are left in the cgroup %s: %s", len(processes), cgroup.Root, list(processes))
		} else if waited > time.Second {
			for _, process := range processes {
				if process > 1 { // 0 is one that we cannot see; and never 1
					_ = syscall.Kill(process, syscall.SIGKILL) // what is gone is gone; what stays is counted again
				}
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func list(processes []int) string {
	const shown = 10
	words := make([]string, 0, shown+1)
	for i, process := range processes {
		if i == shown {
			words = append(words, "…")
			break
		}
		words = append(words, fmt.Sprint(process))
	}
	return strings.Join(words, " ")
}
