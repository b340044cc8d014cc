package host

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
)

// Options says what a host is like. Everything without a default must be given.
type Options struct {
	// Name is the host name: at most 11 of a-z, 0-9 and -, since the name of its interface on the bridge is made of it.
	Name string
	// Dir is the host's disk: what is below its private folders. It must outlive a Kill for a Boot to find it again.
	Dir string
	// LogDir takes NAME-init.log, NAME-containerd.log and the logs of what is started on the host, unless they say another.
	LogDir string
	// Bridge is the name of a bridge in our own network namespace.
	Bridge string
	// Address is the host's address with the length of the bridge's prefix, as 10.200.0.11/24.
	Address netip.Prefix
	// Gateway is the bridge's own address, the host's way to everywhere else.
	Gateway netip.Addr
	// PodRange is the range of the addresses of the host's pods, as 10.201.1.0/24. Start routes it to the host.
	PodRange netip.Prefix
	// CgroupRoot is a path in every cgroup hierarchy, as /k8sfw-1/h1, that belongs to this host alone: never give the
	// same to two hosts, whose kubelets and Mesos agents would kill each other's processes.
	CgroupRoot string
	// SandboxImage is the name of the image that holds a pod's namespaces; Images must have it.
	SandboxImage string
	// Images are the paths of archives to import into containerd.
	Images []string
}

func (o Options) check() error {
	switch {
	case !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,10}$`).MatchString(o.Name):
		return fmt.Errorf("option Name is %q: expected 1 to 11 of a-z, 0-9 and -", o.Name)
	case !filepath.IsAbs(o.Dir) || !filepath.IsAbs(o.LogDir):
		return fmt.Errorf("options Dir and LogDir are %q and %q: expected absolute paths", o.Dir, o.LogDir)
	case o.Bridge == "" || o.SandboxImage == "":
		return fmt.Errorf("options Bridge and SandboxImage are %q and %q: both must be given", o.Bridge, o.SandboxImage)
	case !o.Address.IsValid() || !o.Gateway.IsValid() || !o.PodRange.IsValid():
		return fmt.Errorf("options Address, Gateway and PodRange are %s, %s and %s: all must be given", o.Address, o.Gateway, o.PodRange)
	case !filepath.IsAbs(o.CgroupRoot) || filepath.Clean(o.CgroupRoot) == "/":
		return fmt.Errorf("option CgroupRoot is %q: expected a path such as /k8sfw-1/h1", o.CgroupRoot)
	}
	return nil
}
