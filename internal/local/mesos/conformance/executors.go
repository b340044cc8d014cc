package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

var executorSocket = regexp.MustCompile(`\$WORK/exec/([\w-]+)`)

// executors are the replay's ends of the recorders. A recorder announces itself at the socket of its name.
type executors struct {
	obs   *observations
	names *names

	mu        sync.Mutex // guards latest: recorders connect when agents start them
	latest    map[string]*executor
	listeners []net.Listener
}

// executor is one recorder process.
type executor struct {
	name string
	pid  int
	conn net.Conn

	mu      sync.Mutex // guards what follows: answers come beside the replay
	orders  *json.Encoder
	nextID  int
	pending map[int]chan answer
	streams int
	gone    chan struct{} // closed when the process is no longer connected
}

// listen opens a socket for each executor that the transcript names.
func (x *executors) listen(dir string, t *Transcript) error {
	for _, e := range t.All() {
		for _, m := range executorSocket.FindAllStringSubmatch(e.Text, -1) {
			if _, known := x.latest[m[1]]; known {
				continue
			}
			l, err := net.Listen("unix", filepath.Join(dir, "exec", m[1]))
			if err != nil {
				return fmt.Errorf("listen for executor %s: %w", m[1], err)
			}
			x.latest[m[1]] = nil
			x.listeners = append(x.listeners, l)
			go x.accept(m[1], l)
		}
	}
	return nil
}

func (x *executors) close() {
	for _, l := range x.listeners {
		_ = l.Close()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.latest {
		if e != nil {
			_ = e.conn.Close()
		}
	}
}

func (x *executors) accept(name string, l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // closed at the end of the replay
		}
		e := &executor{
			name: name, conn: conn, orders: json.NewEncoder(conn), pending: map[int]chan answer{},
			gone: make(chan struct{}),
		}
		go x.serve(e)
	}
}

func (x *executors) serve(e *executor) {
	defer close(e.gone)
	speaker := "executor " + e.name
	lines := bufio.NewScanner(e.conn)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var what report
		if err := json.Unmarshal(lines.Bytes(), &what); err != nil {
			x.obs.add(&observation{speaker: speaker, kind: Event, typ: "garbled report: " + err.Error()})
			return
		}
		switch {
		case what.Hello != nil:
			x.born(e, what.Hello)
		case what.Answer != nil:
			e.answered(*what.Answer)
		case what.Event != nil:
			x.obs.addEvent(speaker, e.streamNumber(), x.names.recorded(*what.Event))
		default:
			x.obs.add(&observation{speaker: speaker, stream: e.streamNumber(), kind: StreamEnd, text: what.End})
		}
	}
}

func (x *executors) born(e *executor, hello *birth) {
	e.pid = hello.PID
	x.mu.Lock()
	x.latest[e.name] = e
	x.mu.Unlock()
	data, _ := json.Marshal(hello)
	ob := &observation{speaker: "executor " + e.name, kind: Note, typ: "starts", text: x.names.recorded(string(data))}
	_ = json.Unmarshal([]byte(ob.text), &ob.value) // made by Marshal above
	x.obs.add(ob)
}

// get waits for an executor to be there: its process may be starting.
func (x *executors) get(name string) (*executor, error) {
	deadline := time.Now().Add(5 * time.Second)
	for {
		x.mu.Lock()
		e := x.latest[name]
		x.mu.Unlock()
		if e != nil {
			return e, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("executor %s has not started", name)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (e *executor) streamNumber() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.streams
}

func (e *executor) answered(a answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.pending[a.ID]; c != nil {
		c <- a
		delete(e.pending, a.ID)
	}
}

// call makes the executor send a call to its agent and returns where the answer comes.
func (e *executor) call(body string, subscribe bool) <-chan answer {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nextID++
	if subscribe {
		e.streams++
	}
	c := make(chan answer, 1)
	e.pending[e.nextID] = c
	if err := e.orders.Encode(order{ID: e.nextID, Do: "call", Body: body, Subscribe: subscribe}); err != nil {
		c <- answer{Failure: fmt.Sprintf("executor %s is gone: %v", e.name, err)}
	}
	return c
}

// tell gives an order that has no answer.
func (e *executor) tell(o order) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.orders.Encode(o); err != nil {
		return fmt.Errorf("tell executor %s to %s: %w", e.name, o.Do, err)
	}
	return nil
}
