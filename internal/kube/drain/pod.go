package drain

// Pod is a pod as the API server writes it, with what a drain reads of it.
type Pod = wirePod

// Evicted reports whether a drain evicts the pod, at the beginning or at the end.
func (p wirePod) Evicted() bool { return fateOf(p) != leave }
