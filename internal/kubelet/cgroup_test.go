package kubelet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const container = "3c4d9f0e-7f0c-4b5e-9b0e-2a1f"

// procSelf writes the two files that tell a process where it is. MOUNT in mounts stands for a new directory, which is returned.
func procSelf(t *testing.T, mounts, cgroup string) (self, mount string) {
	t.Helper()
	mount = t.TempDir()
	self = t.TempDir()
	require.NoError(t, os.WriteFile(self+"/mounts", []byte(strings.ReplaceAll(mounts, "MOUNT", mount)), 0o644))
	require.NoError(t, os.WriteFile(self+"/cgroup", []byte(cgroup), 0o644))
	return self, mount
}

const (
	v1Mounts = `tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup MOUNT/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup MOUNT/cpuset cgroup rw,relatime,cpuset 0 0
cgroup MOUNT/memory cgroup rw,relatime,memory 0 0
cgroup MOUNT/memory cgroup rw,relatime,memory 0 0
cgroup MOUNT/freezer cgroup rw,relatime,freezer 0 0
cgroup MOUNT/systemd cgroup rw,relatime,name=systemd 0 0
cgroup2 MOUNT/unified cgroup2 rw,relatime 0 0
`
	v2Mounts = "proc /proc proc rw 0 0\ncgroup2 MOUNT/cg cgroup2 rw,nosuid,nsdelegate 0 0\n"
)

func TestFindCgroup(t *testing.T) {
	for _, test := range []struct {
		name, mounts, cgroup string
		root                 string
		own, unified         bool
		wrong                string
	}{
		{
			name: "v1, linux launcher", mounts: v1Mounts,
			cgroup: "9:name=systemd:/\n4:memory:/mesos/" + container + "\n3:cpuset:/\n2:cpu,cpuacct:/mesos/" + container + "\n6:freezer:/mesos/" + container + "\n0::/\n",
			root:   "/mesos/" + container, own: true,
		},
		{
			name: "v1, posix launcher: the agent's own memory cgroup is not ours", mounts: v1Mounts,
			cgroup: "9:name=systemd:/\n4:memory:/system.slice/mesos-agent\n2:cpu,cpuacct:/\n0::/\n", root: "/k8s-framework/workers-1",
		},
		{
			name: "v2, linux launcher", mounts: v2Mounts, cgroup: "0::/mesos/" + container + "/leaf\n",
			root: "/mesos/" + container, own: true, unified: true,
		},
		{
			name: "v2, posix launcher", mounts: v2Mounts, cgroup: "0::/system.slice/mesos-agent.service\n",
			root: "/k8s-framework/workers-1", unified: true,
		},
		{name: "two answers", mounts: v1Mounts, cgroup: "4:memory:/a/" + container + "\n2:cpu:/b/" + container + "\n", wrong: "/a/" + container + " for some controllers and /b/"},
		{name: "no cgroups", mounts: "proc /proc proc rw 0 0\n", cgroup: "", wrong: "has no cgroup file system"},
	} {
		t.Run(test.name, func(t *testing.T) {
			self, _ := procSelf(t, test.mounts, test.cgroup)
			cgroup, err := FindCgroup(self, container, "/k8s-framework/workers-1")
			if test.wrong != "" {
				require.ErrorContains(t, err, test.wrong)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, Placement{Root: test.root, Unified: test.unified}, cgroup.Placement)
			assert.Equal(t, test.own, cgroup.Own)
		})
	}
	self, _ := procSelf(t, v1Mounts, "4:memory:/\n")
	for _, fallback := range []string{"", "/", "/a/..", "a", "/a/"} {
		_, err := FindCgroup(self, container, fallback)
		require.ErrorContains(t, err, "want an absolute path below the root", fallback)
	}
}

func TestMakeAndRemoveV1(t *testing.T) {
	self, mount := procSelf(t, v1Mounts, "2:cpu,cpuacct:/mesos/"+container+"\n6:freezer:/mesos/"+container+"\n")
	for _, dir := range []string{"cpu,cpuacct/mesos/" + container, "freezer/mesos/" + container, "cpuset", "memory", "systemd", "unified"} {
		require.NoError(t, os.MkdirAll(filepath.Join(mount, dir), 0o755))
	}
	write := func(file, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(mount, file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(mount, file), []byte(text), 0o644))
	}
	write("cpuset/cpuset.cpus", "0-1\n")
	write("cpuset/cpuset.mems", "0\n")

	cgroup, err := FindCgroup(self, container, "/unused")
	require.NoError(t, err)
	require.NoError(t, cgroup.Make())
	require.NoError(t, cgroup.Make(), "a second time changes nothing")
	for _, controller := range []string{"cpu,cpuacct", "cpuset", "memory", "freezer", "systemd", "unified"} {
		assert.DirExists(t, filepath.Join(mount, controller, "mesos", container))
	}
	for _, at := range []string{"cpuset/mesos/", "cpuset/mesos/" + container + "/"} {
		cpus, err := os.ReadFile(filepath.Join(mount, at, "cpuset.cpus"))
		require.NoError(t, err)
		assert.Equal(t, "0-1", string(cpus))
		// The kernel's files vanish with their directory; ours have to be taken away.
		require.NoError(t, os.Remove(filepath.Join(mount, at, "cpuset.cpus")))
		require.NoError(t, os.Remove(filepath.Join(mount, at, "cpuset.mems")))
	}

	pod := "/mesos/" + container + "/kubepods/burstable/pod1/c1"
	write("memory"+pod+"/cgroup.procs", "42\n7\n")
	write("freezer"+pod+"/cgroup.procs", "42\n9\n")
	write("memory/mesos/"+container+"/cgroup.procs", "1\n") // the executor: not a pod's
	processes, err := cgroup.Processes()
	require.NoError(t, err)
	assert.Equal(t, []int{7, 9, 42}, processes)

	require.Error(t, cgroup.Remove(), "not while something is in it")
	for _, file := range []string{"memory" + pod, "freezer" + pod, "memory/mesos/" + container} {
		require.NoError(t, os.Remove(filepath.Join(mount, file, "cgroup.procs")))
	}
	require.NoError(t, cgroup.Remove())
	assert.DirExists(t, filepath.Join(mount, "freezer/mesos", container), "Mesos made it")
	assert.NoDirExists(t, filepath.Join(mount, "freezer/mesos", container, "kubepods"))
}

func TestRemoveTakesWhatWeMadeAndLeavesWhatIsShared(t *testing.T) {
	self, mount := procSelf(t, v1Mounts, "4:memory:/\n")
	for _, controller := range []string{"cpu,cpuacct", "memory/k8s-framework/other", "freezer", "systemd", "unified"} {
		require.NoError(t, os.MkdirAll(filepath.Join(mount, controller), 0o755))
	}
	text, err := os.ReadFile(self + "/mounts")
	require.NoError(t, err)
	without := strings.ReplaceAll(string(text), "cgroup "+mount+"/cpuset cgroup rw,relatime,cpuset 0 0\n", "")
	require.NoError(t, os.WriteFile(self+"/mounts", []byte(without), 0o644))

	cgroup, err := FindCgroup(self, container, "/k8s-framework/workers-1")
	require.NoError(t, err)
	require.NoError(t, cgroup.Make())
	assert.DirExists(t, filepath.Join(mount, "systemd/k8s-framework/workers-1"))
	require.NoError(t, os.MkdirAll(filepath.Join(mount, "systemd/k8s-framework/workers-2"), 0o755)) // another executor's
	require.NoError(t, cgroup.Remove())
	assert.NoDirExists(t, filepath.Join(mount, "freezer/k8s-framework"))
	assert.NoDirExists(t, filepath.Join(mount, "memory/k8s-framework/workers-1"))
	assert.DirExists(t, filepath.Join(mount, "memory/k8s-framework/other"))
	assert.DirExists(t, filepath.Join(mount, "systemd/k8s-framework/workers-2"))
}

func TestMakeV2GivesControllersToTheChildren(t *testing.T) {
	self, mount := procSelf(t, v2Mounts, "0::/mesos/"+container+"/leaf\n")
	for dir, controllers := range map[string]string{"": "cpuset cpu io memory hugetlb pids rdma\n", "mesos": "cpuset cpu memory pids\n", "mesos/" + container: "cpu memory\n"} {
		at := filepath.Join(mount, "cg", dir)
		require.NoError(t, os.MkdirAll(at, 0o755))
		require.NoError(t, os.WriteFile(at+"/cgroup.controllers", []byte(controllers), 0o644))
		require.NoError(t, os.WriteFile(at+"/cgroup.subtree_control", []byte("cpuset cpu io memory pids hugetlb\n"), 0o644))
	}
	leafless := filepath.Join(mount, "cg/mesos", container)
	require.NoError(t, os.WriteFile(leafless+"/cgroup.subtree_control", []byte("cpu\n"), 0o644))
	cgroup, err := FindCgroup(self, container, "/unused")
	require.NoError(t, err)
	require.NoError(t, cgroup.Make())
	// A plain file keeps the last write; the kernel would add it to the list.
	last, err := os.ReadFile(leafless + "/cgroup.subtree_control")
	require.NoError(t, err)
	assert.Equal(t, "+memory", string(last))
	root, err := os.ReadFile(filepath.Join(mount, "cg/cgroup.subtree_control"))
	require.NoError(t, err)
	assert.Equal(t, "cpuset cpu io memory pids hugetlb\n", string(root), "what is there is left alone")
}

func TestAbandonedCgroupsAreRemovedWhereTheyAreEmpty(t *testing.T) {
	self, mount := procSelf(t, v1Mounts, "4:memory:/\n")
	for _, dir := range []string{
		"cpu,cpuacct/mesos/old", "cpuset/mesos/old/kubepods/besteffort/pod1", "memory/mesos/old/kubepods", "freezer/mesos/old/theirs", "systemd", "unified",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(mount, dir), 0o755))
	}
	cgroup, err := FindCgroup(self, container, "/k8s-framework/workers-1")
	require.NoError(t, err)
	require.NoError(t, cgroup.Abandoned("/mesos/old").Remove())
	for _, controller := range []string{"cpu,cpuacct", "cpuset", "memory"} {
		assert.NoDirExists(t, filepath.Join(mount, controller, "mesos/old"))
		assert.DirExists(t, filepath.Join(mount, controller, "mesos"))
	}
	assert.DirExists(t, filepath.Join(mount, "freezer/mesos/old/theirs"))
}

// A cgroup v2 with processes of its own gives its children no controllers. So Mesos puts the executor into a leaf, and pods live
// beside it. The tree is made of plain files, as the kernel of a host with v2 only would show it.
func TestPodsLiveBesideTheLeafOnV2(t *testing.T) {
	self, mount := procSelf(t, v2Mounts, "0::/mesos/"+container+"/leaf\n")
	own := filepath.Join(mount, "cg/mesos", container)
	write := func(file, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	for _, dir := range []string{filepath.Join(mount, "cg"), filepath.Join(mount, "cg/mesos"), own} {
		write(dir+"/cgroup.controllers", "cpu memory\n")
		write(dir+"/cgroup.subtree_control", "cpu memory\n")
	}
	write(own+"/memory.current", "300000000\n")
	write(own+"/leaf/cgroup.procs", "100\n")
	write(own+"/leaf/cgroup.subtree_control", "\n")

	cgroup, err := FindCgroup(self, container, "/unused")
	require.NoError(t, err)
	assert.Equal(t, "/mesos/"+container, cgroup.Root)
	require.NoError(t, cgroup.Make())
	leaf, err := os.ReadFile(own + "/leaf/cgroup.subtree_control")
	require.NoError(t, err)
	assert.Equal(t, "\n", string(leaf), "the executor's own stays without children")

	limit, err := cgroup.LimitMemory(1 << 30)
	require.NoError(t, err)
	assert.EqualValues(t, -1, limit, "no kubelet has run yet")
	write(own+"/kubepods/memory.max", "1073741824\n")
	write(own+"/kubepods/memory.current", "200000000\n")
	write(own+"/kubepods/burstable/pod1/c1/cgroup.procs", "4711\n")
	processes, err := cgroup.Processes()
	require.NoError(t, err)
	assert.Equal(t, []int{4711}, processes, "pods' only")
	for _, step := range []struct{ ask, get int64 }{
		{2 << 30, 1 << 30}, // never raised
		{512 << 20, 512 << 20},
		{0, 200_000_000}, // no lower than what is used, or the kernel would kill for it
		{100 << 20, 200_000_000},
	} {
		limit, err := cgroup.LimitMemory(step.ask)
		require.NoError(t, err)
		assert.Equal(t, step.get, limit, "asked for %d", step.ask)
	}
	write(own+"/kubepods/memory.max", "max\n")
	limit, err = cgroup.LimitMemory(512 << 20)
	require.NoError(t, err)
	assert.EqualValues(t, 512<<20, limit)
}

func TestLimitMemoryOnV1(t *testing.T) {
	self, mount := procSelf(t, v1Mounts, "4:memory:/mesos/"+container+"\n")
	own := filepath.Join(mount, "memory/mesos", container)
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(own, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(own, name), []byte(text), 0o644))
	}
	cgroup, err := FindCgroup(self, container, "/unused")
	require.NoError(t, err)
	write("memory.usage_in_bytes", "5000000\n")
	_, err = cgroup.LimitMemory(0)
	require.NoError(t, err)
	assert.DirExists(t, filepath.Join(own, "kubepods"), "a slice of nothing is limited before the first kubelet, which would not limit it")
	write("kubepods/memory.usage_in_bytes", "4096\n")
	write("kubepods/memory.limit_in_bytes", "9223372036854771712\n")
	limit, err := cgroup.LimitMemory(0)
	require.NoError(t, err)
	assert.Zero(t, limit)
	write("kubepods/memory.limit_in_bytes", "no number\n")
	_, err = cgroup.LimitMemory(0)
	require.ErrorContains(t, err, "limit the memory of all pods")
}
