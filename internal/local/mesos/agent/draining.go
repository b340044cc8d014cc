package agent

import (
	"errors"
	"io/fs"
	"os"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// startDrain is DRAIN_AGENT, the first time, again, or after our own restart: every task is killed, launches are refused, and that
// goes on until no executor is left.
func (a *Agent) startDrain(config mesos.DrainConfig) {
	if len(a.frameworks) == 0 && len(a.operations) == 0 {
		a.log.Info("draining is complete already: there is nothing on the agent")
		return
	}
	if err := checkpoint(a.paths.drain(a.info.GetID().Value), &config); err != nil {
		a.fail(err)
		return
	}
	a.drain, a.drainStart = &config, time.Now()
	for _, f := range append([]*framework(nil), a.frameworks...) {
		for _, e := range append([]*execution(nil), f.executors...) {
			for _, t := range append([]*task(nil), e.launched...) {
				a.kill(e, t.TaskID, boundedKill(config.MaxGracePeriod, t.KillPolicy))
			}
			for _, t := range append([]mesos.TaskInfo(nil), e.queued...) {
				a.kill(e, t.TaskID, boundedKill(config.MaxGracePeriod, t.KillPolicy))
			}
		}
	}
}

// boundedKill is the kill policy of a drain's KILL: the drain's bound where it is shorter than the task's own grace period or
// where the task has none, else nothing.
func boundedKill(bound *mesos.DurationInfo, own *mesos.KillPolicy) *mesos.KillPolicy {
	if bound == nil || own != nil && own.GracePeriod != nil && own.GracePeriod.Nanoseconds <= bound.Nanoseconds {
		return nil
	}
	return &mesos.KillPolicy{GracePeriod: bound}
}

// drained ends the draining when nothing is left.
func (a *Agent) drained() {
	if a.drain == nil || len(a.frameworks) > 0 || len(a.operations) > 0 {
		return
	}
	a.log.Info("agent finished draining")
	if err := os.Remove(a.paths.drain(a.info.GetID().Value)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.fail(err)
		return
	}
	a.drain = nil
}
