// Package container runs the containers of a stand-in Mesos agent as real processes, as the real Mesos containerizer does.
//
// A container is two processes and more: an init process (this program again, under the name mesos-containerizer), the
// leader of its own session, and its child, the executor. The init process writes the raw wait status of its child to
// <runtime_dir>/containers/<id>/status, so that the status survives the agent's death; the agent is not needed for the
// container to go on. With the linux launcher both are in <cgroups_root>/<id> of the freezer hierarchy and of those that the
// isolators want: cpu and cpuacct (cgroups/cpu), memory (cgroups/mem). Cgroup version 1 only.
//
// Promises: a destroyed container has no process left, in its cgroups and in all below them; limits follow the arithmetic of
// the real isolators (see Limits); what is found below the cgroups root at the start and belongs to nobody is destroyed.
// Not promised: with the posix launcher only the processes of the init process's tree and session are found, and after it
// has ended by itself none. There are no images, volumes, namespaces, capabilities and no disk isolation.
//
// Start reading at Processes, then at process.go (one container's life), init.go (the init process) and cgroup.go.
package container
