#!/bin/sh
# Makes a Debian 12 machine ready for `make demo` and `make test`: installs the Debian packages that the local world needs,
# builds Kubernetes and etcd into bin/local, and packs the container images that pods run. What is done already is
# skipped, so that it costs nothing to call this before every run. It asks nothing. Wants: Go, and root where packages
# are missing.
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
fail() {
	echo "setup: $*" >&2
	exit 1
}

# containerd, runc, CNI plugins, iptables, conntrack, ethtool, socat: what a kubelet needs on its host.
# iproute2 and util-linux: network namespaces, and entering them. zookeeper: the server's jars, with Java.
# valgrind: counts instructions of the hot paths (test/count), since virtual machines often have no counters of their own.
packages="containerd runc containernetworking-plugins iproute2 util-linux iptables conntrack socat ethtool zookeeper valgrind"

install_packages() {
	missing=""
	for p in $packages; do
		case "$(dpkg-query --show --showformat '${db:Status-Abbrev}' "$p" 2>/dev/null || true)" in
		ii*) ;;
		*) missing="$missing $p" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || fail "these Debian packages are missing, and only root can install them:$missing"
	say "installing Debian packages:$missing"
	say "(a minute or two on a fresh machine: ZooKeeper brings Java)"
	# No package may start a service: the local world starts its own, in namespaces of its own.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
	fi
	mkdir -p /usr/share/man/man1 # Java's installation fails where a slim image has left it out
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086 # one word a package
	if ! { apt-get update && apt-get install --yes --no-install-recommends $missing; } \
		</dev/null >bin/local/apt.log 2>&1; then
		tail -n 20 bin/local/apt.log >&2
		fail "apt-get could not install these packages, its last words are above:$missing"
	fi
}

# fingerprint FILE...: changes when one of the files does, or the Go version, or this script.
fingerprint() { { go version && cat tools/setup.sh "$@"; } | sha256sum | cut -d' ' -f1; }

# is_done STAMP FINGERPRINT OUTPUT: whether OUTPUT was made from what is there now.
is_done() { [ -e "$3" ] && [ "$(cat "$1" 2>/dev/null || true)" = "$2" ]; }

# patiently COMMAND...: runs it, and says every half minute that it still does.
patiently() {
	"$@" 9>&- &
	work=$!
	trap 'kill "$work" 2>/dev/null; exit 130' INT TERM # a shell starts background work deaf to Ctrl-C
	waited=0
	while kill -0 "$work" 2>/dev/null; do
		sleep 1
		waited=$((waited + 1))
		[ $((waited % 30)) != 0 ] || say "… still building after $waited s"
	done
	trap - INT TERM
	wait "$work"
}

build_kubernetes() {
	print=$(fingerprint tools/kubernetes/*.go tools/kubernetes/go.mod tools/kubernetes/go.sum)
	if ! is_done bin/local/.kubernetes "$print" bin/local/kubernetes; then
		version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' tools/kubernetes/go.mod)
		etcd=$(awk '$1 == "go.etcd.io/etcd/server/v3" { print $2 }' tools/kubernetes/go.mod)
		say "building Kubernetes $version and etcd $etcd from their sources into bin/local/kubernetes"
		say "(4 to 10 minutes of two cores with an empty Go build cache, which grows by 3 GB; 10 s with a full one)"
		# The programs tell their version, to clients and to each other, as the linker sets it; v0.0.0 otherwise.
		minor=${version#v1.}
		flags="-s -w"
		for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
			flags="$flags -X $package.gitVersion=$version -X $package.gitMajor=1"
			flags="$flags -X $package.gitMinor=${minor%%.*} -X $package.gitTreeState=clean"
		done
		rm -f bin/local/.kubernetes
		patiently env CGO_ENABLED=0 go build -C tools/kubernetes -buildvcs=false -ldflags "$flags" \
			-o "$PWD/bin/local/kubernetes" . || fail "building Kubernetes failed, its messages are above"
		echo "$print" >bin/local/.kubernetes
	fi
	for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet; do
		[ "$(readlink "bin/local/$name" || true)" = kubernetes ] || ln -sfn kubernetes "bin/local/$name"
	done
}

pack_images() {
	print=$(fingerprint internal/local/kube/images/*.go internal/local/kube/images/*/*.go)
	is_done bin/local/images/.packed "$print" bin/local/images/web.tar && return 0
	say "packing container images into bin/local/images"
	go run -buildvcs=false ./internal/local/kube/images/pack bin/local/images ||
		fail "packing the images failed, its messages are above"
	echo "$print" >bin/local/images/.packed
}

command -v go >/dev/null || fail "the go command is not in PATH: install Go 1.26 or later (https://go.dev/dl)"
command -v apt-get >/dev/null || fail "this is not Debian: there is no apt-get"
mkdir -p bin/local
exec 9>bin/local/.lock
flock 9 # two at once would build twice
install_packages
build_kubernetes
pack_images
