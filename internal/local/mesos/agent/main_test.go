package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"k8s-framework/internal/local/mesos/agent/command"
	"k8s-framework/internal/local/mesos/agent/container"
)

// The test binary is the programs that containers need, too.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case container.InitName:
		os.Exit(container.Init(os.Args))
	case CommandExecutorName:
		os.Exit(command.Main())
	case testExecutor:
		os.Exit(runTestExecutor())
	}
	os.Exit(m.Run())
}

const testExecutor = "test-executor"

// runTestExecutor is an executor that says TASK_RUNNING for every task, TASK_KILLED for every KILL, "env" with its environment
// for every MESSAGE, and ends with SHUTDOWN. It subscribes again for as long as it lives.
func runTestExecutor() int {
	x := testRunner{seen: map[string]bool{}}
	for {
		if x.stream() {
			return 0
		}
		time.Sleep(50 * time.Millisecond)
	}
}

type object = map[string]any

type testRunner struct{ seen map[string]bool }

func (x *testRunner) call(kind string, field string, body object) (*http.Response, error) {
	call := object{
		"type": kind, "framework_id": object{"value": os.Getenv("MESOS_FRAMEWORK_ID")},
		"executor_id": object{"value": os.Getenv("MESOS_EXECUTOR_ID")}, field: body,
	}
	b, err := json.Marshal(call)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+os.Getenv("MESOS_AGENT_ENDPOINT")+"/api/v1/executor", bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, kind, err)
	}
	return resp, err
}

func (x *testRunner) update(task, state string) {
	id := uuid.New()
	resp, err := x.call("UPDATE", "update", object{"status": object{
		"task_id": object{"value": task}, "state": state, "source": "SOURCE_EXECUTOR", "uuid": id[:],
	}})
	if err == nil {
		resp.Body.Close()
	}
}

// stream says whether SHUTDOWN came.
func (x *testRunner) stream() bool {
	resp, err := x.call("SUBSCRIBE", "subscribe", object{})
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		n, _ := strconv.Atoi(strings.TrimSpace(line))
		record := make([]byte, n)
		if _, err := io.ReadFull(r, record); err != nil {
			return false
		}
		var event struct {
			Type   string
			Launch struct {
				Task struct {
					ID struct{ Value string } `json:"task_id"`
				}
			}
			Kill struct {
				ID struct{ Value string } `json:"task_id"`
			}
		}
		if err := json.Unmarshal(record, &event); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return false
		}
		switch event.Type {
		case "LAUNCH":
			x.update(event.Launch.Task.ID.Value, "TASK_RUNNING")
		case "KILL":
			x.update(event.Kill.ID.Value, "TASK_KILLED")
		case "MESSAGE":
			resp, err := x.call("MESSAGE", "message", object{"data": []byte(strings.Join(os.Environ(), "\n"))})
			if err == nil {
				resp.Body.Close()
			}
		case "SHUTDOWN":
			return true
		}
	}
}
