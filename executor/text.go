package executor

import (
	"fmt"
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
	return fmt.Sprintf("report of %s: %s; pods left: %d, blocked: %d", a.Report.Node, a.Report.Waiting, a.Report.PodsLeft, len(a.Report.Blocked))
}

func (a Cordon) String() string   { return "cordon: " + a.Why }
func (a Uncordon) String() string { return "uncordon: " + a.Why }
func (a MakeRoom) String() string { return fmt.Sprintf("make room for %v: %s", a.Slice, a.Why) }
func (a CancelRoom) String() string {
	return "cancel what is under way at the API server: " + a.Why
}
func (AskServer) String() string { return "ask the API server whether it is there" }
func (Look) String() string      { return "look whether the node is empty" }

func (a Drain) String() string       { return "drain: " + a.Why }
func (a CancelDrain) String() string { return "cancel the drain: " + a.Why }
func (a StopPods) String() string    { return fmt.Sprintf("stop pods within %v: %s", a.Grace, a.Why) }
func (CleanUp) String() string       { return "clean up" }
func (a Exit) String() string        { return "exit: " + a.Why }
