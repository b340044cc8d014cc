package drain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Progress is where a drain stands.
type Progress struct {
	Node string
	// PodsLeft counts the pods that are to leave and are still there, Leaving those of them whose deletion has begun. Both
	// are zero until the node is cordoned and its pods are listed.
	PodsLeft int
	Leaving  int
	// Blocked holds the pods that do not leave, by namespace and name.
	Blocked []Blocked
	// Volumes is not nil while the pods are gone and volumes are still in use.
	Volumes *Volumes
	// Trouble is not nil while the API server does not answer as it should.
	Trouble *Trouble
}

// Blocked is a pod that does not leave: its eviction is refused, or it was evicted and is still there when it should not be.
type Blocked struct {
	Namespace, Pod string
	Cause          Cause
	// Budgets are the PodDisruptionBudgets that refuse. It is empty if it is something else, or if there are several and
	// this identity may not list them.
	Budgets []string
	// Message is the server's sentence, such as "The disruption budget web needs 2 healthy pods and has 2 currently", or
	// ours.
	Message string
	// Since is when the pod was refused first, or when it should have been gone.
	Since time.Time
}

// Cause is what holds a pod.
type Cause string

const (
	// ByBudget: one or several PodDisruptionBudgets refuse its eviction.
	ByBudget Cause = "budget"
	// ByNamespace: its namespace is being deleted and takes no evictions any more; the namespace's controller deletes the pod.
	ByNamespace Cause = "namespace"
	// ByServer: its eviction is refused for another reason: rights, an admission webhook.
	ByServer Cause = "server"
	// ByKubelet: it is being deleted, and the node's kubelet, which must confirm its end, does not answer. It is never
	// deleted without that: its processes may still run.
	ByKubelet Cause = "kubelet"
	// ByFinalizer: it is being deleted, its grace period is over, and it has finalizers.
	ByFinalizer Cause = "finalizer"
	// ByPod: it is being deleted, its grace period is over, and its kubelet has not ended it yet.
	ByPod Cause = "pod"
)

// Volumes are those that the node's kubelet has not unmounted yet.
type Volumes struct {
	Since time.Time
	// InUse are their unique names, such as "kubernetes.io/csi/DRIVER^HANDLE". Nil: the kubelet's word is awaited.
	InUse []string
}

// Trouble is an API server that does not answer.
type Trouble struct {
	Since   time.Time
	Message string
}

// String is the sentence for people: which pod, which budget, why, since when.
func (b Blocked) String() string {
	by := ""
	switch len(b.Budgets) {
	case 0:
	case 1:
		by = " by budget " + b.Budgets[0]
	default:
		by = " by budgets " + strings.Join(b.Budgets, ", ")
	}
	return fmt.Sprintf("pod %s/%s%s since %s: %s", b.Namespace, b.Pod, by, clock(b.Since), strings.TrimSuffix(b.Message, "."))
}

// String is the sentence for people.
func (v Volumes) String() string {
	if len(v.InUse) == 0 {
		return "waiting since " + clock(v.Since) + " for what the kubelet says of its volumes"
	}
	names := strings.Join(v.InUse[:min(named, len(v.InUse))], ", ")
	if more := len(v.InUse) - named; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("waiting since %s for %d volumes to be unmounted: %s", clock(v.Since), len(v.InUse), names)
}

// String is the sentence for people.
func (t Trouble) String() string {
	return fmt.Sprintf("no good answer from the API server since %s: %s", clock(t.Since), t.Message)
}

// named is how many blocked pods, or volumes, a sentence names.
const named = 3

// Why says what the drain waits for, in one sentence.
func (p Progress) Why() string {
	text := fmt.Sprintf("%d pods left", p.PodsLeft)
	if p.Leaving > 0 {
		text += fmt.Sprintf(", %d of them leaving", p.Leaving)
	}
	for i, blocked := range p.Blocked {
		if i == named {
			text += fmt.Sprintf("; %d more blocked", len(p.Blocked)-named)
			break
		}
		text += "; blocked: " + blocked.String()
	}
	if p.Volumes != nil {
		text += "; " + p.Volumes.String()
	}
	if p.Trouble != nil {
		text += "; " + p.Trouble.String()
	}
	return text
}

// Waits lists all that the drain waits for beyond pods that leave in their time, each as a sentence for people.
func (p Progress) Waits() []string {
	var waits []string
	for _, blocked := range p.Blocked {
		waits = append(waits, blocked.String())
	}
	if p.Volumes != nil {
		waits = append(waits, p.Volumes.String())
	}
	if p.Trouble != nil {
		waits = append(waits, p.Trouble.String())
	}
	return waits
}

// clock writes a time of day with its zone: an operator compares it with logs.
func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

// equal reports whether a person would see no difference.
func (p Progress) equal(q Progress) bool {
	return p.PodsLeft == q.PodsLeft && p.Leaving == q.Leaving &&
		(p.Trouble == q.Trouble || p.Trouble != nil && q.Trouble != nil && *p.Trouble == *q.Trouble) &&
		(p.Volumes == q.Volumes || p.Volumes != nil && q.Volumes != nil && slices.Equal(p.Volumes.InUse, q.Volumes.InUse)) &&
		slices.EqualFunc(p.Blocked, q.Blocked, func(a, b Blocked) bool {
			return a.Namespace == b.Namespace && a.Pod == b.Pod && a.Cause == b.Cause && a.Message == b.Message &&
				slices.Equal(a.Budgets, b.Budgets)
		})
}

// progress is the ledger as people see it. silent is since when the kubelet does not answer; zero: it does.
func (l *ledger) progress(now, silent time.Time) Progress {
	p := Progress{PodsLeft: len(l.pods)}
	for _, e := range l.pods {
		if e.left() {
			p.Leaving++
		}
		if b := l.blocked(e, now, silent); b != nil {
			p.Blocked = append(p.Blocked, *b)
		}
	}
	slices.SortFunc(p.Blocked, func(a, b Blocked) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod))
	})
	return p
}

// patience is how long a pod waits for its budget before people are told.
const patience = time.Second

// blocked says what holds a pod; nil: nothing that is known.
func (l *ledger) blocked(e *entry, now, silent time.Time) *Blocked {
	b := &Blocked{Namespace: e.namespace, Pod: e.name, Since: e.since, Message: e.refusal.message}
	switch {
	case e.leaving:
		return e.held(now, silent)
	case e.accepted, e.since.IsZero():
		return nil
	case e.refusal.kind == accepted && now.Before(e.since.Add(patience)):
		return nil // nobody refused it, it waits for its turn
	case e.refusal.kind == several:
		b.Cause = ByBudget
		b.Budgets, _, _ = l.board.guarding(e.pod)
	case e.refusal.kind == ending:
		b.Cause = ByNamespace
	case e.refusal.kind == denied:
		b.Cause = ByServer
	case e.line == (budgetKey{}) && e.refusal.message == "":
		return nil // the budget that refused is gone: it asks again at once
	default:
		b.Cause = ByBudget
		if e.line != (budgetKey{}) {
			b.Budgets, b.Message = []string{e.line.name}, l.board.sentence(e.line, e.refusal.message)
		}
	}
	return b
}

// overdue is how long after its grace period a pod's kubelet may take.
const overdue = 5 * time.Second

// held says what holds a pod that is being deleted.
func (e *entry) held(now, silent time.Time) *Blocked {
	b := &Blocked{Namespace: e.namespace, Pod: e.name, Since: e.due}
	switch {
	case !silent.IsZero():
		b.Cause, b.Since, b.Message = ByKubelet, silent, "its kubelet does not answer, and only that can confirm its end"
	case now.Before(e.due.Add(overdue)):
		return nil
	case len(e.finalizers) > 0:
		b.Cause, b.Message = ByFinalizer, "its grace period is over, and it has the finalizer "+strings.Join(e.finalizers, ", ")
	default:
		b.Cause, b.Message = ByPod, "its grace period is over, and its kubelet has not ended it yet"
	}
	return b
}
