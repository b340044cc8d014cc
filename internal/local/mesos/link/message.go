package link

import "encoding/json"

// Message is one of the types in to_master.go and to_agent.go, always as a pointer.
type Message interface {
	// Kind is the message's name on the wire: the name of its type.
	Kind() string
}

// Unknown is a message of a kind that this version does not know. The receiver ignores it.
type Unknown struct {
	Name string
	Body json.RawMessage
}

// blank returns an empty message of a kind, nil for a kind that is not known. A new message is a new line here.
func blank(kind string) Message {
	for _, m := range []func() Message{
		func() Message { return &Register{} }, func() Message { return &Reregister{} },
		func() Message { return &Unregister{} }, func() Message { return &Pong{} },
		func() Message { return &StatusUpdate{} }, func() Message { return &ExitedExecutor{} },
		func() Message { return &ExecutorMessage{} }, func() Message { return &OperationUpdate{} },
		func() Message { return &Registered{} }, func() Message { return &Reregistered{} },
		func() Message { return &Ping{} }, func() Message { return &RunTasks{} },
		func() Message { return &KillTask{} }, func() Message { return &ShutdownExecutor{} },
		func() Message { return &ShutdownFramework{} }, func() Message { return &UpdateFramework{} },
		func() Message { return &AckUpdate{} }, func() Message { return &FrameworkMessage{} },
		func() Message { return &ApplyOperation{} }, func() Message { return &AckOperation{} },
		func() Message { return &Drain{} }, func() Message { return &Shutdown{} },
	} {
		if blank := m(); blank.Kind() == kind {
			return blank
		}
	}
	return nil
}

func (u *Unknown) Kind() string         { return u.Name }
func (*Register) Kind() string          { return "Register" }
func (*Reregister) Kind() string        { return "Reregister" }
func (*Unregister) Kind() string        { return "Unregister" }
func (*Pong) Kind() string              { return "Pong" }
func (*StatusUpdate) Kind() string      { return "StatusUpdate" }
func (*ExitedExecutor) Kind() string    { return "ExitedExecutor" }
func (*ExecutorMessage) Kind() string   { return "ExecutorMessage" }
func (*OperationUpdate) Kind() string   { return "OperationUpdate" }
func (*Registered) Kind() string        { return "Registered" }
func (*Reregistered) Kind() string      { return "Reregistered" }
func (*Ping) Kind() string              { return "Ping" }
func (*RunTasks) Kind() string          { return "RunTasks" }
func (*KillTask) Kind() string          { return "KillTask" }
func (*ShutdownExecutor) Kind() string  { return "ShutdownExecutor" }
func (*ShutdownFramework) Kind() string { return "ShutdownFramework" }
func (*UpdateFramework) Kind() string   { return "UpdateFramework" }
func (*AckUpdate) Kind() string         { return "AckUpdate" }
func (*FrameworkMessage) Kind() string  { return "FrameworkMessage" }
func (*ApplyOperation) Kind() string    { return "ApplyOperation" }
func (*AckOperation) Kind() string      { return "AckOperation" }
func (*Drain) Kind() string             { return "Drain" }
func (*Shutdown) Kind() string          { return "Shutdown" }
