package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"k8s-framework/internal/local/cgroup"
	"k8s-framework/internal/local/host"
	"k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/kube/images"
)

const (
	bridge    = "lab0"
	namesFile = "hosts"
	// maxHosts is how many fit into the addresses 10.200.0.11 to 10.200.0.250.
	maxHosts = 240
)

// Address is the lab's own address on its bridge: where whatever runs beside the hosts (ZooKeeper, Mesos masters, the
// API server) is reached.
func Address() netip.Addr { return netip.AddrFrom4([4]byte{10, 200, 0, 1}) }

// Lab is the machine room that Main made, with what was started in it. Its methods may be called from any goroutine.
type Lab struct {
	name           string // of the lab, and of this room in it, as k8sfw-lab-1/1
	folder, binDir string

	mu           sync.Mutex
	controlPlane *kube.ControlPlane
	hosts        []*host.Host
	names        []string // of the hosts, in the order of their numbers, which are used once
}

// Start makes the bridge and the folder of a lab. It fails outside of Main, and while another Lab is open in this process.
func Start(ctx context.Context) (*Lab, error) {
	folder := os.Getenv(folderVariable)
	if folder == "" {
		return nil, fmt.Errorf("start lab: the program is not inside one (%s is not set): it must begin with lab.Main", folderVariable)
	}
	binDir, err := findBinDir()
	if err != nil {
		return nil, fmt.Errorf("start lab: %w", err)
	}
	for _, command := range []string{
		"ip link add " + bridge + " type bridge",
		"ip address add " + Address().String() + "/24 dev " + bridge,
		"ip link set " + bridge + " up",
	} {
		words := strings.Fields(command)
		if text, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("start lab: %s: %w: %s", command, err, strings.TrimSpace(string(text)))
		}
	}
	// Pods of one host reach those of another through us.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return nil, fmt.Errorf("start lab: %w", err)
	}
	room, err := newRoom(folder)
	if err != nil {
		return nil, fmt.Errorf("start lab: %w", err)
	}
	return &Lab{name: filepath.Join(filepath.Base(folder), room), folder: filepath.Join(folder, room), binDir: binDir}, nil
}

// newRoom makes the folder of the next Lab of this program: neither etcd nor a host must find what an earlier one left.
// The names of the earlier one's hosts are forgotten; the machine's own name, which whatever runs beside the hosts finds
// itself by, means the lab.
func newRoom(folder string) (string, error) {
	machine, err := os.Hostname()
	if err != nil {
		return "", err
	}
	names := fmt.Sprintf("127.0.0.1 localhost\n%s lab %s\n", Address(), machine)
	if err := os.WriteFile(filepath.Join(folder, namesFile), []byte(names), 0o644); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		room := strconv.Itoa(n)
		if err := os.Mkdir(filepath.Join(folder, room), 0o755); !errors.Is(err, fs.ErrExist) {
			return room, err
		}
	}
}

// findBinDir is bin/local in the project's folder, which is the current one or one above it.
func findBinDir() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			bin := filepath.Join(dir, "bin", "local")
			if _, err := os.Stat(bin); err != nil {
				return "", fmt.Errorf("%s is missing, `make setup` builds what is in it: %w", bin, err)
			}
			return bin, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above it: run this in the project's folder", at)
		}
	}
}

// Dir is the lab's folder, under the same path inside and outside of the lab.
func (l *Lab) Dir() string { return l.folder }

// LogDir is where everything that the lab starts logs to.
func (l *Lab) LogDir() string { return filepath.Join(l.folder, "log") }

// BinDir is where the programs are that `make setup` and `make build` put into bin/local.
func (l *Lab) BinDir() string { return l.binDir }

// CgroupRoot is the cgroup path below which everything of this lab is. No other lab has or had it.
func (l *Lab) CgroupRoot() string { return "/" + l.name }

// StartControlPlane starts the lab's Kubernetes at Address. Flags are those of kube.Options; the rest is the lab's.
func (l *Lab) StartControlPlane(ctx context.Context, flags kube.Options) (*kube.ControlPlane, error) {
	flags.Dir = filepath.Join(l.folder, "kubernetes")
	flags.LogDir = l.LogDir()
	flags.BinDir = l.binDir
	flags.Address = Address()
	cp, err := kube.Start(ctx, flags)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.controlPlane = cp
	return cp, nil
}

// StartHost starts a host of a name that this lab has not used before. Several may be started at once. What runs in the lab
// or on a host finds it under its name.
func (l *Lab) StartHost(ctx context.Context, name string) (*host.Host, error) {
	number, err := l.register(name)
	if err != nil {
		return nil, fmt.Errorf("start host %s: %w", name, err)
	}
	h, err := host.Start(ctx, host.Options{
		Name:         name,
		Dir:          filepath.Join(l.folder, "hosts", name),
		LogDir:       l.LogDir(),
		Bridge:       bridge,
		Address:      netip.PrefixFrom(hostAddress(number), 24),
		Gateway:      Address(),
		PodRange:     netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 201, byte(number), 0}), 24),
		CgroupRoot:   l.CgroupRoot() + "/" + name,
		SandboxImage: images.Pause,
		Images: []string{
			filepath.Join(l.binDir, "images", images.PauseArchive),
			filepath.Join(l.binDir, "images", images.WebArchive),
		},
	})
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts = append(l.hosts, h)
	return h, nil
}

// register gives a new host its number, from 1, and makes its name known.
func (l *Lab) register(name string) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, used := range l.names {
		if used == name {
			return 0, errors.New("the lab has or had a host of this name; after Kill there is Boot")
		}
	}
	if len(l.names) == maxHosts {
		return 0, fmt.Errorf("the lab has had %d hosts, more do not fit into its addresses", maxHosts)
	}
	l.names = append(l.names, name)
	number := len(l.names)
	f, err := os.OpenFile("/etc/hosts", os.O_APPEND|os.O_WRONLY, 0) // the lab's own, see mounts
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(f, "%s %s\n", hostAddress(number), name)
	return number, errors.Join(err, f.Close())
}

func hostAddress(number int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 200, 0, byte(10 + number)})
}

// Close kills the hosts and the control plane, and removes bridge and cgroups. A program may then start another lab; one
// that ends needs no Close.
func (l *Lab) Close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	errs := make([]error, len(l.hosts))
	var group sync.WaitGroup
	for i, h := range l.hosts {
		group.Go(func() { errs[i] = h.Kill() })
	}
	group.Wait()
	if l.controlPlane != nil {
		errs = append(errs, l.controlPlane.Kill())
	}
	if text, err := exec.CommandContext(ctx, "ip", "link", "delete", bridge).CombinedOutput(); err != nil {
		errs = append(errs, fmt.Errorf("delete %s: %w: %s", bridge, err, strings.TrimSpace(string(text))))
	}
	errs = append(errs, cgroup.Remove(l.CgroupRoot()))
	l.hosts, l.controlPlane = nil, nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close lab: %w", err)
	}
	return nil
}
