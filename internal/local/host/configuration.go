package host

import (
	"fmt"
	"net/netip"
)

// containerdConfiguration is for containerd 1.6 (configuration version 2).
//
// restrict_oom_score_adj: without it each sandbox asks runc for oom_score_adj −998, which root without CAP_SYS_RESOURCE
// may not set, and fails with "can't get final child's PID from pipe: EOF". The disabled plugins are those that would
// look for file systems and services that a host does not have, and log an error each. The opt plugin would make
// /opt/containerd, which all hosts share.
func containerdConfiguration(sandboxImage, cniDir string) string {
	return fmt.Sprintf(`version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[debug]
  level = "warn"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
`, sandboxImage, cniDir)
}

// podNetwork is a bridge of the host's own for its pods, whose addresses it hands out itself. Nothing is masqueraded: pods
// of all hosts reach each other through the routes that the hosts' bridge has.
func podNetwork(pods netip.Prefix) string {
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "local", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": %q}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
`, pods)
}
