package executor

import (
	"fmt"
	"strings"
)

// The texts of actions are for logs and transcripts.

func (a Prepare) String() string       { return "prepare " + a.Spec.Node + " in container " + a.Container }
func (a CancelPrepare) String() string { return "cancel the preparation: " + a.Why }
func (a StartKubelet) String() string {
	return fmt.Sprintf("start kubelet run %d with %v: %s", a.Run, a.Slice, a.Why)
}

func (a StopKubelet) String() string {
	return fmt.Sprintf("stop kubelet within %v: %s", a.Grace, a.Why)
}

func (a SendUpdate) String() string {
	text := fmt.Sprintf("update %s TASK_%s", a.Status.Task, a.Status.State)
	if a.Status.Healthy != "" {
		text += " " + string(a.Status.Healthy)
	}
	return text + ": " + a.Status.Message
}

func (a SendReport) String() string {
	if a.Report.TokenWanted {
		return "report: a bootstrap token is wanted for " + a.Report.Node
	}
	text := fmt.Sprintf("report draining %s, pods left: %d", a.Report.Node, a.Report.PodsLeft)
	if len(a.Report.Blocked) > 0 {
		text += ", blocked: " + strings.Join(a.Report.Blocked, "; ")
	}
	return text
}

func (a Drain) String() string       { return "drain: " + a.Why }
func (a CancelDrain) String() string { return "cancel the drain: " + a.Why }
func (a StopPods) String() string    { return fmt.Sprintf("stop pods within %v: %s", a.Grace, a.Why) }
func (CleanUp) String() string       { return "clean up" }
func (a Exit) String() string        { return "exit: " + a.Why }
