package conformance

import (
	"encoding/json"
	"sync"
	"time"
)

// observation is something that came by itself: an event, or the end of a stream.
type observation struct {
	speaker string // as Entry.speaker
	stream  int    // which subscription of that speaker, from 1
	kind    Kind
	typ     string
	text    string // translated to the recording's addresses and folders
	value   any    // of an event: its JSON
	at      time.Time
	part    int // in which part of the replay it came

	used bool
}

// observations collects what comes on all streams. Readers of streams add, the replay takes.
type observations struct {
	mu      sync.Mutex
	list    []*observation
	part    int
	changed chan struct{} // closed and replaced when something was added
}

func newObservations() *observations { return &observations{changed: make(chan struct{})} }

func (o *observations) add(ob *observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ob.at, ob.part = time.Now(), o.part
	o.list = append(o.list, ob)
	close(o.changed)
	o.changed = make(chan struct{})
}

// addEvent adds a record of a stream.
func (o *observations) addEvent(speaker string, stream int, text string) {
	ob := &observation{speaker: speaker, stream: stream, kind: Event, text: text}
	if err := json.Unmarshal([]byte(text), &ob.value); err != nil {
		ob.typ = "not JSON: " + err.Error()
	} else {
		ob.typ, _ = field(ob.value, "type").(string)
	}
	o.add(ob)
}

// unused returns what no entry has taken yet, and a channel that is closed when more comes.
func (o *observations) unused() ([]*observation, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []*observation
	for _, ob := range o.list {
		if !ob.used {
			list = append(list, ob)
		}
	}
	return list, o.changed
}

// enter says that the replay has come to a part, for what comes from now on.
func (o *observations) enter(part int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.part = part
}
