package drain

import (
	"fmt"

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
		// DisruptedPods holds, by name, the pods that the API server let go and that the budget's controller has not seen
		// leaving yet.
		DisruptedPods map[string]any `json:"disruptedPods"`
	} `json:"status"`
}

// budgetKey names a budget; the zero value is none.
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
	// sentence says why it allows none, in the API server's words.
	sentence string
	// disrupted names the pods whose eviction allows has accounted for already.
	disrupted []string
}

func budgetOf(w wireBudget) budget {
	b := budget{version: w.Version(), generation: w.Metadata.Generation}
	// A nil selector selects nothing and an empty one everything, in policy/v1.
	selector, err := metav1.LabelSelectorAsSelector(w.Spec.Selector)
	if err != nil {
		selector = labels.Nothing() // so the server takes it as well
	}
	b.selector = selector
	for name := range w.Status.DisruptedPods {
		b.disrupted = append(b.disrupted, name)
	}
	if w.Status.ObservedGeneration < w.Metadata.Generation { // the numbers are of an older budget
		b.sentence = fmt.Sprintf("The disruption budget %s is still being processed by the server", w.Metadata.Name)
		return b
	}
	b.allows = max(0, w.Status.DisruptionsAllowed)
	b.spare = w.Status.DesiredHealthy > 0 && w.Status.CurrentHealthy >= w.Status.DesiredHealthy
	b.sentence = fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently",
		w.Metadata.Name, w.Status.DesiredHealthy, w.Status.CurrentHealthy)
	return b
}
