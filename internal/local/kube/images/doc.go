// Package images makes the container images of the local world. No registry can be reached there, and none is needed: an
// image is one static Go program in an OCI archive, which `ctr -n k8s.io images import` takes.
//
// It promises archives that containerd 1.6 and later import under the names below, for the architecture of this
// machine; the same program gives the same bytes. It knows nothing but the one layout: one layer, one program at /program.
//
// The programs are in pause (the sandbox of every pod) and web (what the pods of demo and tests run); pack builds and
// packs both; start reading at Write.
package images

// The names that pods and containerd's configuration use. They lead to no registry: a pod that names an image which was
// not imported fails at once instead of searching the network.
const (
	Pause = "k8s-framework.local/pause:1"
	Web   = "k8s-framework.local/web:1"
)

// PauseArchive and WebArchive are the file names of the archives, in the folder that pack writes to.
const (
	PauseArchive = "pause.tar"
	WebArchive   = "web.tar"
)
