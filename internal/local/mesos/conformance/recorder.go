package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// The recorder is the custom executor of the recordings. It does nothing by itself: it tells the replay where it woke up
// and what it hears, and does what the replay says. Its command line is the recorded one: RECORD/executor.py SOCKET,
// where the name is a link to this test's own binary and SOCKET is where the replay listens.

const recorderName = "executor.py"

// IsRecorder says whether this process was started as the executor.
func IsRecorder(args []string) bool {
	return len(args) > 1 && filepath.Base(args[0]) == recorderName
}

// order is what the replay tells the recorder, one JSON line each.
type order struct {
	ID        int    `json:"id"`
	Do        string `json:"do"` // call, close, exit
	Body      string `json:"body,omitempty"`
	Subscribe bool   `json:"subscribe,omitempty"`
	Code      int    `json:"code,omitempty"`
}

// report is what the recorder tells the replay, one JSON line each; one of the pointers or End is set.
type report struct {
	Hello  *birth  `json:"hello,omitempty"`
	Answer *answer `json:"answer,omitempty"`
	Event  *string `json:"event,omitempty"`
	End    string  `json:"end,omitempty"`
}

// birth is what an executor sees when it starts.
type birth struct {
	PID     int               `json:"pid"`
	Dir     string            `json:"cwd"`
	Cgroups map[string]string `json:"cgroups"`
	Leader  bool              `json:"sid_is_pid"`
	Env     map[string]string `json:"env"`
	Files   []string          `json:"files"`
}

// answer is the response to a call, or why there was none.
type answer struct {
	ID      int               `json:"id"`
	Status  string            `json:"status,omitempty"`
	Code    int               `json:"code,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Failure string            `json:"failure,omitempty"`
}

// Record is the recorder's main function: it runs until it is told to exit or the replay is gone, and returns the exit
// code.
func Record(args []string) int {
	control, err := net.Dial("unix", args[1])
	if err != nil {
		fmt.Fprintf(os.Stderr, "recorder: connect to the replay: %v\n", err)
		return 120
	}
	r := &recorder{endpoint: os.Getenv("MESOS_AGENT_ENDPOINT"), out: json.NewEncoder(control)}
	hello := newBirth()
	r.tell(report{Hello: &hello})
	return r.obey(control)
}

type recorder struct {
	endpoint string

	mu     sync.Mutex // guards out and stream: streams report beside the calls
	out    *json.Encoder
	stream *response
}

func (r *recorder) tell(what report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.out.Encode(what) // if the replay is gone, obey ends this process
}

func (r *recorder) obey(control io.Reader) int {
	lines := bufio.NewScanner(control)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			fmt.Fprintf(os.Stderr, "recorder: order %q: %v\n", lines.Text(), err)
			return 121
		}
		switch o.Do {
		case "call":
			go r.call(o)
		case "close":
			r.mu.Lock()
			if r.stream != nil {
				r.stream.close()
			}
			r.mu.Unlock()
		case "exit":
			return o.Code
		}
	}
	return 122
}

func (r *recorder) call(o order) {
	response, err := request{
		addr: r.endpoint, method: "POST", path: "/api/v1/executor", body: o.Body,
		headers: []string{"Content-Type: application/json", "Accept: application/json"},
	}.do()
	a := answer{ID: o.ID}
	if err != nil {
		a.Failure = failureOf(err)
		r.tell(report{Answer: &a})
		return
	}
	a.Status, a.Code, a.Headers = response.status, response.code, map[string]string{}
	for _, name := range []string{"Transfer-Encoding", "Content-Type"} {
		a.Headers[name] = response.get(name)
	}
	if !o.Subscribe || response.code != 200 {
		a.Body, _ = response.text()
		r.tell(report{Answer: &a})
		return
	}
	r.mu.Lock()
	r.stream = response
	r.mu.Unlock()
	r.tell(report{Answer: &a})
	end := response.records(func(data []byte) {
		event := string(data)
		r.tell(report{Event: &event})
	})
	r.tell(report{End: end})
}

func newBirth() birth {
	b := birth{PID: os.Getpid(), Env: map[string]string{}, Files: []string{}, Cgroups: cgroupsOf("self")}
	b.Dir, _ = os.Getwd()
	b.Leader = sessionOf("self") == b.PID
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		b.Env[name] = value
	}
	entries, _ := os.ReadDir(".")
	for _, e := range entries {
		b.Files = append(b.Files, e.Name())
	}
	return b
}

// cgroupsOf reads the cgroups of a process by controller, for those that the recordings show.
func cgroupsOf(pid string) map[string]string {
	groups := map[string]string{}
	data, _ := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
	for line := range strings.SplitSeq(string(data), "\n") {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(fields[1], ",") {
			if slices.Contains([]string{"freezer", "memory", "cpu"}, controller) {
				groups[controller] = fields[2]
			}
		}
	}
	return groups
}

// statOf returns the fields of /proc/PID/stat behind the name: state, parent, group, session, …
func statOf(pid string) []string {
	data, _ := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	_, rest, _ := strings.Cut(string(data), ") ")
	return strings.Fields(rest)
}

func sessionOf(pid string) int {
	fields := statOf(pid)
	if len(fields) < 4 {
		return 0
	}
	var session int
	_, _ = fmt.Sscan(fields[3], &session)
	return session
}
