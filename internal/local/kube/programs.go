package kube

import (
	"fmt"
	"net/netip"
	"path/filepath"
)

// The ports are the usual ones: a control plane has a network namespace of its own.
const (
	etcdPort              = 2379
	etcdPeerPort          = 2380
	apiServerPort         = 6443
	controllerManagerPort = 10257
	schedulerPort         = 10259
)

// serviceRange is the range of service addresses. Nothing routes them: no kube-proxy runs.
const serviceRange = "10.96.0.0/16"

// kubernetesService is the first address of serviceRange, which the API server takes for its own service.
func kubernetesService() netip.Addr { return netip.AddrFrom4([4]byte{10, 96, 0, 1}) }

// clientRate lifts the limit of 20 to 50 requests a second that the controllers and the scheduler put on themselves,
// which alone makes a control plane's start 4 s longer.
func clientRate() []string { return []string{"--kube-api-qps=500", "--kube-api-burst=1000"} }

// etcdArguments: nothing is synced to disk, since nothing of a control plane outlives its machine here.
func etcdArguments(dir string) []string {
	client := fmt.Sprintf("http://127.0.0.1:%d", etcdPort)
	peer := fmt.Sprintf("http://127.0.0.1:%d", etcdPeerPort)
	return []string{
		"--name=local",
		"--data-dir=" + filepath.Join(dir, "etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=local=" + peer,
		"--log-level=warn",
		"--unsafe-no-fsync",
	}
}

func apiServerArguments(c *credentials, address netip.Addr) []string {
	return []string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", etcdPort),
		"--bind-address=0.0.0.0",
		fmt.Sprintf("--secure-port=%d", apiServerPort),
		"--advertise-address=" + address.String(),
		"--tls-cert-file=" + c.serverCert,
		"--tls-private-key-file=" + c.serverKey,
		"--client-ca-file=" + c.caCert,
		"--kubelet-client-certificate=" + c.kubeletClientCert,
		"--kubelet-client-key=" + c.kubeletClient,
		"--kubelet-preferred-address-types=InternalIP", // its default begins with host names, and there is no DNS
		"--service-account-key-file=" + c.serviceAccountKey,
		"--service-account-signing-key-file=" + c.serviceAccountKey,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--enable-bootstrap-token-auth=true",
		"--allow-privileged=true",
		"--profiling=false",
	}
}

func controllerManagerArguments(c *credentials) []string {
	return append([]string{
		"--kubeconfig=" + c.controllerManager,
		"--authentication-kubeconfig=" + c.controllerManager,
		"--authorization-kubeconfig=" + c.controllerManager,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", controllerManagerPort),
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.serviceAccountKey,
		"--root-ca-file=" + c.caCert,
		"--cluster-signing-cert-file=" + c.caCert,
		"--cluster-signing-key-file=" + c.caKey,
		"--controllers=*,bootstrapsigner,tokencleaner",
		"--node-monitor-period=1s", // at the default of 5 s the not-ready taint of a new node stays that long
	}, clientRate()...)
}

func schedulerArguments(c *credentials) []string {
	return append([]string{
		"--kubeconfig=" + c.scheduler,
		"--authentication-kubeconfig=" + c.scheduler,
		"--authorization-kubeconfig=" + c.scheduler,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", schedulerPort),
		"--leader-elect=false",
	}, clientRate()...)
}
