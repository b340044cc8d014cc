package api

import "time"

// Object is the metadata that every Kubernetes object has; a caller's struct embeds it and adds the fields that it needs.
type Object struct {
	Metadata Meta `json:"metadata"`
}

// Version is the object's resource version, by which a watch goes on.
func (o Object) Version() string { return o.Metadata.ResourceVersion }

// Meta is the part of ObjectMeta that somebody here reads.
type Meta struct {
	Name              string            `json:"name,omitempty"`
	Namespace         string            `json:"namespace,omitempty"`
	UID               string            `json:"uid,omitempty"`
	ResourceVersion   string            `json:"resourceVersion,omitempty"`
	Generation        int64             `json:"generation,omitempty"`
	CreationTimestamp time.Time         `json:"creationTimestamp,omitzero"`
	DeletionTimestamp *time.Time        `json:"deletionTimestamp,omitempty"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
	OwnerReferences   []Owner           `json:"ownerReferences,omitempty"`
	Finalizers        []string          `json:"finalizers,omitempty"`
}

// Owner is the part of an OwnerReference that somebody here reads.
type Owner struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Controller bool   `json:"controller"`
}
