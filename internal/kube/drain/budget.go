package drain

import (
	"k8s-framework/internal/kube/api"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// wireBudget is what is read of a PodDisruptionBudget.
type wireBudget struct {
	api.Object
	Spec struct {
		Selector *metav1.LabelSelector `json:"selector"`
	} `json:"spec"`
	Status struct {
		DisruptionsAllowed int   `json:"disruptionsAllowed"`
		CurrentHealthy     int   `json:"currentHealthy"`
		DesiredHealthy     int   `json:"desiredHealthy"`
		ObservedGeneration int64 `json:"observedGeneration"`
	} `json:"status"`
}

// budgetKey names a budget.
type budgetKey struct{ namespace, name string }

// budget is what is remembered of a PodDisruptionBudget.
type budget struct {
	selector labels.Selector
	// version changes with every change of the object, generation with changes of what the operator wrote.
	version    string
	generation int64
	// allows is how many pods it lets go now.
	allows int
	// spare: it is satisfied, so pods that are not ready may leave without counting.
	spare bool
}

func budgetOf(w wireBudget) budget {
	b := budget{version: w.Version(), generation: w.Metadata.Generation}
	// A nil selector selects nothing and an empty one everything, in policy/v1.
	selector, err := metav1.LabelSelectorAsSelector(w.Spec.Selector)
	if err != nil {
		selector = labels.Nothing() // so the server takes it as well
	}
	b.selector = selector
	if w.Status.ObservedGeneration >= w.Metadata.Generation { // or the numbers are of an older budget
		b.allows = w.Status.DisruptionsAllowed
		b.spare = w.Status.DesiredHealthy > 0 && w.Status.CurrentHealthy >= w.Status.DesiredHealthy
	}
	return b
}
