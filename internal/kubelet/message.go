package kubelet

import (
	"encoding/json"
	"fmt"
)

// Message is what the framework tells a running executor. It can be lost; the executor then drains by itself.
type Message struct {
	Version int `json:"version"`
	// Drained says that the drain of the node is over, because it is empty or because its deadline passed: a kill that follows
	// need not drain.
	Drained bool `json:"drained"`
	// Token is the bootstrap token that the executor asked for, and TokenLife how long it is good. It is a secret: a Message is
	// never logged.
	Token     string   `json:"token,omitempty"`
	TokenLife Duration `json:"tokenLife,omitempty"`
}

// Encode writes the message for Mesos's MESSAGE call.
func (m Message) Encode() ([]byte, error) {
	m.Version = Version
	return json.Marshal(m)
}

// DecodeMessage reads what Message.Encode wrote.
func DecodeMessage(data []byte) (Message, error) {
	var message Message
	if err := decodeVersioned(data, &message); err != nil {
		return Message{}, fmt.Errorf("decode a message to the executor: %w", err)
	}
	return message, nil
}

// Report is what an executor tells its framework beside its status updates. It can be lost.
type Report struct {
	Version int    `json:"version"`
	Node    string `json:"node"`
	// Draining says that the executor drains its node itself, because it was told to end without having been told that the node
	// is drained. TASK_KILLING would say the same, but with DRAIN_AGENT and mark_gone an agent takes that for the end.
	Draining bool `json:"draining"`
	// TokenWanted says that the kubelet has no credentials and its executor waits for a bootstrap token.
	TokenWanted bool `json:"tokenWanted,omitempty"`
	// PodsLeft and Blocked are the progress of that drain; Blocked names pods and budgets.
	PodsLeft int      `json:"podsLeft,omitempty"`
	Blocked  []string `json:"blocked,omitempty"`
	// Why says what made the executor drain, or do what it waits for.
	Why string `json:"why,omitempty"`
	// Waiting says what the executor waits for at the moment, in a sentence. With Draining it is a step of the end of the node;
	// without, the node becomes smaller and stays: one of several tasks was killed.
	Waiting string `json:"waiting,omitempty"`
}

// Encode writes the report for Mesos's MESSAGE call.
func (r Report) Encode() ([]byte, error) {
	r.Version = Version
	return json.Marshal(r)
}

// DecodeReport reads what Report.Encode wrote.
func DecodeReport(data []byte) (Report, error) {
	var report Report
	if err := decodeVersioned(data, &report); err != nil {
		return Report{}, fmt.Errorf("decode a report of an executor: %w", err)
	}
	return report, nil
}

func decodeVersioned(data []byte, into any) error {
	if err := checkVersion(data); err != nil {
		return err
	}
	return decodeStrict(data, into)
}
