package drain

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// The statuses are those of kube-apiserver 1.34 (registry/core/pod/storage/eviction.go and the admission plugins).
func TestReadAnswer(t *testing.T) {
	for _, test := range []struct {
		name, status string
		want         answer
	}{
		{
			"budget shut", `{"code":429,"reason":"TooManyRequests","message":"Cannot evict pod as it would violate the pod's disruption budget.",
			"details":{"causes":[{"reason":"DisruptionBudget","message":"The disruption budget web needs 2 healthy pods and has 2 currently"}]}}`,
			answer{kind: shut, budget: "web", message: "The disruption budget web needs 2 healthy pods and has 2 currently"},
		},
		{
			"budget not computed yet", `{"code":429,"reason":"TooManyRequests","message":"Cannot evict pod as it would violate the pod's disruption budget.",
			"details":{"retryAfterSeconds":10,"causes":[{"reason":"DisruptionBudget","message":"The disruption budget web.v2 is still being processed by the server."}]}}`,
			answer{kind: shut, budget: "web.v2", message: "The disruption budget web.v2 is still being processed by the server."},
		},
		{
			"budget in another sentence", `{"code":429,"reason":"TooManyRequests","message":"m","details":{"causes":[{"reason":"DisruptionBudget","message":"no way"}]}}`,
			answer{kind: shut, message: "no way"},
		},
		{
			"budget below zero", `{"code":403,"reason":"Forbidden","message":"poddisruptionbudget.policy \"web\" is forbidden: pdb disruptions allowed is negative",
			"details":{"name":"web","group":"policy","kind":"poddisruptionbudget"}}`,
			answer{kind: shut, budget: "web", message: `poddisruptionbudget.policy "web" is forbidden: pdb disruptions allowed is negative`},
		},
		{
			"two budgets", `{"code":500,"message":"This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."}`,
			answer{kind: several, message: twoBudgets},
		},
		{
			"too many requests", `{"code":429,"reason":"TooManyRequests","message":"Too many requests, please try again later.","details":{"retryAfterSeconds":1}}`,
			answer{kind: busy, message: "Too many requests, please try again later.", after: time.Second},
		},
		{
			"budget conflicts", `{"code":504,"reason":"Timeout","message":"Timeout: couldn't update PodDisruptionBudget \"web\" due to conflicts","details":{"retryAfterSeconds":10}}`,
			answer{kind: busy, message: `Timeout: couldn't update PodDisruptionBudget "web" due to conflicts`, after: 10 * time.Second},
		},
		{"gone", `{"code":404,"reason":"NotFound","message":"pods \"a\" not found"}`, answer{kind: vanished, message: `pods "a" not found`}},
		{
			"another pod", `{"code":409,"reason":"Conflict","message":"the UID in the precondition (x) does not match the UID in record (y)"}`,
			answer{kind: vanished, message: "the UID in the precondition (x) does not match the UID in record (y)"},
		},
		{
			"another write to the budget", `{"code":409,"reason":"Conflict","message":"Operation cannot be fulfilled on poddisruptionbudgets.policy \"web\": the object has been modified; please apply your changes to the latest version and try again",
			"details":{"name":"web","group":"policy","kind":"poddisruptionbudgets"}}`,
			answer{kind: contended, message: `Operation cannot be fulfilled on poddisruptionbudgets.policy "web": the object has been modified; please apply your changes to the latest version and try again`},
		},
		{
			"namespace ends", `{"code":403,"reason":"Forbidden","message":"unable to create new content in namespace n because it is being terminated",
			"details":{"causes":[{"reason":"NamespaceTerminating","message":"namespace n is being terminated","field":"metadata.namespace"}]}}`,
			answer{kind: ending, message: "unable to create new content in namespace n because it is being terminated"},
		},
		{
			"RBAC", `{"code":403,"reason":"Forbidden","message":"pods \"a\" is forbidden: User \"u\" cannot create resource \"pods/eviction\"","details":{"name":"a","kind":"pods"}}`,
			answer{kind: denied, message: `pods "a" is forbidden: User "u" cannot create resource "pods/eviction"`},
		},
		{
			"webhook does not answer", `{"code":500,"reason":"InternalError","message":"Internal error occurred: failed calling webhook \"w\""}`,
			answer{kind: denied, message: `Internal error occurred: failed calling webhook "w"`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var status apierrors.StatusError
			require.NoError(t, json.Unmarshal([]byte(test.status), &status.ErrStatus))
			assert.Equal(t, test.want, readAnswer(fmt.Errorf("evict: %w", &status)))
		})
	}
	assert.Equal(t, answer{kind: accepted}, readAnswer(nil))
	assert.Equal(t, answer{kind: unanswered, message: "connection refused"}, readAnswer(errors.New("connection refused")))
}

func TestEveryAnswerHasANameOfItsOwn(t *testing.T) {
	names := map[string]bool{}
	for kind := accepted; kind <= denied; kind++ {
		names[kind.String()] = true
	}
	assert.Len(t, names, int(denied)+1)
}

func TestBusyIsNotForPeople(t *testing.T) {
	var told []answerKind
	for kind := accepted; kind <= denied; kind++ {
		if (answer{kind: kind}).tells() {
			told = append(told, kind)
		}
	}
	assert.Equal(t, []answerKind{shut, several, ending, denied}, told)
}
