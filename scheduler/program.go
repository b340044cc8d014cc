package scheduler

import "fmt"

// WrongProgram is the exit status of an executor's command that found another SHA-256 than was meant in what Mesos had fetched. Mesos
// does not pass on what the command said of it, only this.
const WrongProgram = 87

// executorEnded notes the end of an executor, which proves nothing about its tasks.
func (c *Core) executorEnded(e ExecutorEnded) {
	if n := c.nodes[NodeName(e.Executor)]; n != nil && n.Agent == e.Agent {
		n.executorOver = true
	}
	note := Note{
		Node: NodeName(e.Executor), Agent: e.Agent,
		Text: fmt.Sprintf("the executor ended (wait status %d); its tasks' updates follow", e.Status),
	}
	if e.Status == WrongProgram<<8 { // as wait(2) encodes an exit
		note.Alarm = true
		note.Text = "the executor that the agent fetched is another than --executor names, and was not executed: URI, expected and found SHA-256 stand in stderr of its sandbox"
	}
	c.note(note)
}
