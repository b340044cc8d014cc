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
	// Blocked holds the pods whose eviction is refused, by namespace and name.
	Blocked []Blocked
	// Trouble is not nil while the API server does not answer as it should.
	Trouble *Trouble
}

// Blocked is a pod that the API server refuses to evict.
type Blocked struct {
	Namespace, Pod string
	// Budgets are the PodDisruptionBudgets that refuse. It is empty if it is something else, or if there are several and
	// this identity may not list them.
	Budgets []string
	// Message is the server's sentence, such as "The disruption budget web needs 2 healthy pods and has 2 currently".
	Message string
	// Since is when the pod was refused first.
	Since time.Time
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
func (t Trouble) String() string {
	return fmt.Sprintf("no good answer from the API server since %s: %s", clock(t.Since), t.Message)
}

// named is how many blocked pods a sentence names.
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
	if p.Trouble != nil {
		text += "; " + p.Trouble.String()
	}
	return text
}

// clock writes a time of day with its zone: an operator compares it with logs.
func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

// equal reports whether a person would see no difference.
func (p Progress) equal(q Progress) bool {
	return p.PodsLeft == q.PodsLeft && p.Leaving == q.Leaving &&
		(p.Trouble == q.Trouble || p.Trouble != nil && q.Trouble != nil && *p.Trouble == *q.Trouble) &&
		slices.EqualFunc(p.Blocked, q.Blocked, func(a, b Blocked) bool {
			return a.Namespace == b.Namespace && a.Pod == b.Pod && a.Message == b.Message && slices.Equal(a.Budgets, b.Budgets)
		})
}

// progress is the ledger as people see it.
func (l *ledger) progress(known budgets) Progress {
	p := Progress{PodsLeft: len(l.pods)}
	for _, e := range l.pods {
		switch {
		case e.left():
			p.Leaving++
		case e.refusal.tells():
			p.Blocked = append(p.Blocked, e.blocked(known))
		}
	}
	slices.SortFunc(p.Blocked, func(a, b Blocked) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod))
	})
	return p
}

func (e *entry) blocked(known budgets) Blocked {
	b := Blocked{Namespace: e.namespace, Pod: e.name, Message: e.refusal.message, Since: e.since}
	switch {
	case e.refusal.kind == several:
		b.Budgets = known.guarding(e.pod)
	case e.refusal.budget != "":
		b.Budgets = []string{e.refusal.budget}
	}
	return b
}
