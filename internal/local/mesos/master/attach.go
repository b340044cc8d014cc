package master

import "k8s-framework/internal/local/mesos/link"

// Peer is an agent, as the master speaks to it: a *link.Conn, or an agent in this process (see Attach). What is sent arrives in
// order or not at all, and no method blocks. Neither side changes a message that was sent.
type Peer interface {
	Send(link.Message) error
	Close()
	CloseAfterSend()
}

// Attached is the master's end of a link to an agent in this process.
type Attached struct{ session *session }

// Said is a message of an attached agent; without a message the agent breaks its link.
type Said struct {
	By      *Attached
	Message link.Message
}

// Leads says whether the master leads and has read its registry: only then agents may register.
func (m *Master) Leads() bool {
	state := m.leadership.Load()
	return state.leading && state.recovered
}

// Attach links an agent in this process to a master that leads: it is to the master what an agent on a connection is, without
// the connection. The methods of peer are called from the master's goroutine.
func (m *Master) Attach(peer Peer) *Attached { return &Attached{&session{m: m, conn: peer}} }

// Deliver brings messages of attached agents to the master, in their order. It waits while the master is busy; false means
// that the master has ended.
func (m *Master) Deliver(all []Said) bool {
	return m.post(func() {
		for _, said := range all {
			if said.Message == nil {
				m.linkClosed(said.By.session)
			} else {
				said.By.session.handle(said.Message)
			}
		}
	})
}
