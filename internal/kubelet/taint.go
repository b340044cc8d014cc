package kubelet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Taint is one taint of a Kubernetes Node, in the form of a KubeletConfiguration.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// ParseTaint reads "key=value:Effect" or "key:Effect".
func ParseTaint(text string) (Taint, error) {
	const form = "key=value:Effect or key:Effect, the effect NoSchedule, PreferNoSchedule or NoExecute"
	head, effect, ok := strings.Cut(text, ":")
	if !ok || !slices.Contains([]string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, effect) {
		return Taint{}, errors.New(form)
	}
	key, value, _ := strings.Cut(head, "=")
	if wrong := validation.IsQualifiedName(key); len(wrong) > 0 {
		return Taint{}, fmt.Errorf("%s: %s", form, strings.Join(wrong, "; "))
	}
	if wrong := validation.IsValidLabelValue(value); len(wrong) > 0 {
		return Taint{}, fmt.Errorf("%s: %s", form, strings.Join(wrong, "; "))
	}
	return Taint{Key: key, Value: value, Effect: effect}, nil
}
