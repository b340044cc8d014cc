package command

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	executorapi "github.com/mesos/mesos-go/api/v1/lib/executor"
)

// client speaks the executor API, in protobuf.
type client struct {
	url         string
	frameworkID mesos.FrameworkID
	executorID  mesos.ExecutorID
}

func (c client) post(call *executorapi.Call, timeout time.Duration) (*http.Response, error) {
	call.FrameworkID, call.ExecutorID = c.frameworkID, c.executorID
	body, err := call.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", call.Type, err)
	}
	req, err := http.NewRequest(http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Accept", "application/x-protobuf")
	// A connection for each call: one that the agent's death has left behind is never used again.
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: timeout}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", call.Type, err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // the status says enough
		resp.Body.Close()                                       // as above
		return nil, fmt.Errorf("%s: %s: %s", call.Type, resp.Status, text)
	}
	return resp, nil
}

func (c client) update(u executorapi.Call_Update) error {
	resp, err := c.post(&executorapi.Call{Type: executorapi.Call_UPDATE, Update: &u}, 5*time.Second)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// stream subscribes and hands over events until the stream ends, whose reason it returns.
func (c client) stream(call *executorapi.Call_Subscribe, handle func(*executorapi.Event)) error {
	resp, err := c.post(&executorapi.Call{Type: executorapi.Call_SUBSCRIBE, Subscribe: call}, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			return fmt.Errorf("length of an event: %w", err)
		}
		record := make([]byte, size)
		if _, err := io.ReadFull(r, record); err != nil {
			return err
		}
		event := &executorapi.Event{}
		if err := event.Unmarshal(record); err != nil {
			return fmt.Errorf("an event: %w", err)
		}
		handle(event)
	}
}
