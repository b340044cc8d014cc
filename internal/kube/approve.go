package kube

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s-framework/scheduler"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// approve sets the condition Approved on a request, through the subresource that is for it. A request that is gone, another one
// of its name, or one that somebody has decided about is left as it is: it needs no approval any more.
func (o *Operator) approve(ctx context.Context, op scheduler.ApproveCertificate) error {
	path := requestsPath + "/" + op.Request
	// Read whole and written back whole: the update must not lose what this program does not know.
	var object map[string]any
	switch err := o.client.Get(ctx, path, &object); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("read certificate request %s: %w", op.Request, err)
	}
	metadata, _ := object["metadata"].(map[string]any)
	if metadata["uid"] != string(op.UID) {
		return nil
	}
	status, _ := object["status"].(map[string]any)
	if status == nil {
		status = map[string]any{}
	}
	conditions, _ := status["conditions"].([]any)
	for _, each := range conditions {
		condition, _ := each.(map[string]any)
		if kind := condition["type"]; kind == "Approved" || kind == "Denied" {
			return nil
		}
	}
	now := time.Now().UTC().Format(time.RFC3339)
	status["conditions"] = append(conditions, map[string]any{
		"type": "Approved", "status": "True", "reason": "LaunchedByMesosFramework",
		"message": fmt.Sprintf("%s: %s", o.component, op.Why), "lastUpdateTime": now, "lastTransitionTime": now,
	})
	object["status"] = status
	// The resource version that was read makes the update fail if anything has changed since.
	err := o.client.Do(ctx, http.MethodPut, path+"/approval", "", object, nil)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("approve certificate request %s: %w", op.Request, err)
	}
	return nil
}
