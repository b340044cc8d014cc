package drain

import (
	"errors"
	"net/http"
	"regexp"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// answer is what the API server says to an eviction, in our words.
type answer struct {
	kind answerKind
	// budget is the PodDisruptionBudget that refuses.
	budget string
	// message is the server's sentence, or the error if it gave none.
	message string
	// after is how long the server wants to be left alone, if it says so.
	after time.Duration
}

type answerKind int

const (
	// accepted: the pod is deleted or being deleted.
	accepted answerKind = iota
	// vanished: there is no such pod, or another one has its name (404, 409). The watch will say so too, and it is the watch
	// that we believe.
	vanished
	// contended: the server could not write the eviction into the budget's status, since others wrote there (409).
	contended
	// shut: a budget allows no eviction now.
	shut
	// several: more than one budget guards the pod, with which the eviction API cannot deal (500). It stays so until
	// somebody deletes a budget or changes its selector.
	several
	// busy: the server wants to be left alone for a while, or took too long (429 of priority and fairness, 503, 504).
	busy
	// unanswered: nothing that is an answer came back.
	unanswered
	// ending: the pod's namespace is being deleted. Nothing can be created in it any more, an eviction included; its own
	// controller deletes the pod.
	ending
	// denied: refused for another reason: RBAC, an admission webhook, a webhook that does not answer.
	denied
)

// String is the result's name in metrics.
func (k answerKind) String() string {
	return [...]string{"accepted", "gone", "contended", "budget", "budgets", "busy", "unanswered", "namespace", "denied"}[k]
}

// budgetCause marks the cause of a 429 that comes from a budget (policyv1.DisruptionBudgetCause).
const budgetCause = "DisruptionBudget"

// terminatingCause marks a refusal because the namespace is being deleted (corev1.NamespaceTerminatingCause).
const terminatingCause = "NamespaceTerminating"

// budgetMessage finds the name in the cause's message, which exists nowhere else: "The disruption budget web needs 2 healthy
// pods and has 2 currently", "The disruption budget web is still being processed by the server."
var budgetMessage = regexp.MustCompile(`^The disruption budget (\S+) `)

// readAnswer interprets the result of an eviction call.
func readAnswer(err error) answer {
	if err == nil {
		return answer{kind: accepted}
	}
	a := answer{kind: unanswered, message: err.Error()}
	var refusal *apierrors.StatusError
	if !errors.As(err, &refusal) {
		return a
	}
	status := refusal.ErrStatus
	a.message = status.Message
	details := status.Details
	if details == nil {
		details = &metav1.StatusDetails{}
	}
	a.after = time.Duration(details.RetryAfterSeconds) * time.Second
	budget := cause(details, budgetCause)
	switch {
	case status.Code == http.StatusConflict && details.Kind == "poddisruptionbudgets":
		a.kind = contended
	case status.Code == http.StatusNotFound, status.Code == http.StatusConflict:
		a.kind = vanished
	case status.Code == http.StatusTooManyRequests && budget != "":
		a.kind, a.message, a.after = shut, budget, 0
		if match := budgetMessage.FindStringSubmatch(budget); match != nil {
			a.budget = match[1]
		}
	case status.Code == http.StatusForbidden && details.Kind == "poddisruptionbudget":
		// The budget's own numbers are out of order: negative, or too many evictions that nobody confirmed.
		a.kind, a.budget = shut, details.Name
	case status.Code == http.StatusForbidden && cause(details, terminatingCause) != "":
		a.kind = ending
	case status.Code == http.StatusInternalServerError && status.Message == twoBudgets:
		a.kind = several
	case status.Code == http.StatusTooManyRequests, status.Code == http.StatusServiceUnavailable, status.Code == http.StatusGatewayTimeout,
		status.Code == http.StatusBadGateway:
		a.kind = busy
	default:
		a.kind = denied
	}
	return a
}

// twoBudgets is the server's whole message in that case: the status has neither reason nor cause.
const twoBudgets = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."

func cause(details *metav1.StatusDetails, kind metav1.CauseType) string {
	for _, c := range details.Causes {
		if c.Type == kind {
			return c.Message
		}
	}
	return ""
}

// tells reports whether people should know of the answer as long as the pod stays.
func (a answer) tells() bool {
	switch a.kind {
	case shut, several, ending, denied:
		return true
	default:
		return false
	}
}
