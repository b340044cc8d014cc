package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// updateManager brings status updates to the master until the scheduler has acknowledged them: of each task one at a time,
// in the order in which they came, again after 10 s, then after twice as long as before, up to 10 min. Updates of
// checkpointing executors are on disk before add returns.
//
// It is paused while no master knows the agent. When it resumes, and whenever it is told to, the oldest update of each task goes
// again at once.
type updateManager struct {
	agent   *Agent // knows the paths, and runs timers
	send    func(framework string, status mesos.TaskStatus)
	paused  bool
	streams []*updateStream // in the order of their creation
}

// updateStream is one task's updates.
type updateStream struct {
	framework, task string
	file            string // task.updates; empty for a stream that is not durable
	pending         []mesos.TaskStatus
	received, acked map[string]bool // by uuid
	over            bool            // a terminal update has been acknowledged
	timer           *time.Timer
}

// updateRecord is a line of task.updates.
type updateRecord struct {
	Update *mesos.TaskStatus `json:",omitempty"`
	Ack    []byte            `json:",omitempty"`
}

func newUpdateManager(a *Agent) *updateManager {
	return &updateManager{agent: a, send: a.forward, paused: true}
}

func (m *updateManager) stream(framework, task string) *updateStream {
	for _, s := range m.streams {
		if s.framework == framework && s.task == task {
			return s
		}
	}
	return nil
}

func newStream(framework, task, file string) *updateStream {
	return &updateStream{framework: framework, task: task, file: file, received: map[string]bool{}, acked: map[string]bool{}}
}

// add takes an update. One whose uuid was there before is ignored. e is nil for a task that the agent does not know.
func (m *updateManager) add(f *framework, e *execution, status mesos.TaskStatus) error {
	s := m.stream(f.id(), status.TaskID.Value)
	if s == nil {
		file := ""
		if e != nil && e.checkpoint {
			file = m.agent.paths.taskUpdates(m.agent.info.GetID().Value, e, status.TaskID.Value)
		}
		s = newStream(f.id(), status.TaskID.Value, file)
		m.streams = append(m.streams, s)
	}
	if s.received[string(status.UUID)] || s.acked[string(status.UUID)] {
		return nil
	}
	if err := s.record(updateRecord{Update: &status}); err != nil {
		return err
	}
	s.take(status)
	if !m.paused && len(s.pending) == 1 {
		m.forward(s, updateRetryMin)
	}
	return nil
}

// acknowledge takes an acknowledgement; last says that the task's terminal update was the one, and that its stream is closed.
func (m *updateManager) acknowledge(framework, task string, uuid []byte) (last bool, err error) {
	s := m.stream(framework, task)
	switch {
	case s == nil:
		return false, errors.New("there are no updates of that task")
	case len(s.pending) == 0:
		return false, errors.New("no update waits for it")
	case s.acked[string(uuid)]:
		return false, errors.New("it was acknowledged before")
	case !bytes.Equal(s.pending[0].UUID, uuid):
		return false, fmt.Errorf("expected %x, got %x", s.pending[0].UUID, uuid)
	}
	if err := s.record(updateRecord{Ack: uuid}); err != nil {
		return false, err
	}
	s.ack()
	s.stop()
	if s.over {
		m.remove(s)
		return true, nil
	}
	if !m.paused && len(s.pending) > 0 {
		m.forward(s, updateRetryMin)
	}
	return false, nil
}

// pause keeps everything back.
func (m *updateManager) pause() {
	m.paused = true
	for _, s := range m.streams {
		s.stop()
	}
}

// resume sends the oldest update of each task, whether or not it was sent before.
func (m *updateManager) resume() {
	m.paused = false
	for _, s := range m.streams {
		if len(s.pending) > 0 {
			m.forward(s, updateRetryMin)
		}
	}
}

// cleanup forgets a framework's updates.
func (m *updateManager) cleanup(framework string) {
	for _, s := range append([]*updateStream(nil), m.streams...) {
		if s.framework == framework {
			s.stop()
			m.remove(s)
		}
	}
}

func (m *updateManager) remove(s *updateStream) {
	for i := range m.streams {
		if m.streams[i] == s {
			m.streams = append(m.streams[:i:i], m.streams[i+1:]...)
			return
		}
	}
}

// forward sends a stream's oldest update, and will send it again.
func (m *updateManager) forward(s *updateStream, again time.Duration) {
	s.stop()
	status := s.pending[0]
	m.send(s.framework, status)
	var timer *time.Timer
	timer = m.agent.after(again, func() {
		if s.timer == timer && !m.paused && len(s.pending) > 0 {
			m.forward(s, min(2*again, updateRetryMax))
		}
	})
	s.timer = timer
}

func (s *updateStream) stop() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

func (s *updateStream) take(status mesos.TaskStatus) {
	s.received[string(status.UUID)] = true
	s.pending = append(s.pending, status)
}

func (s *updateStream) ack() {
	s.acked[string(s.pending[0].UUID)] = true
	s.over = s.over || terminal(s.pending[0].GetState())
	s.pending = s.pending[1:]
}

// record appends to the stream's file.
func (s *updateStream) record(r updateRecord) error {
	if s.file == "" {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("checkpoint an update of task %s: %w", s.task, err)
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o755); err != nil {
		return fmt.Errorf("checkpoint an update of task %s: %w", s.task, err)
	}
	f, err := os.OpenFile(s.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("checkpoint an update of task %s: %w", s.task, err)
	}
	return nil
}

// replay reads a stream's file. A last line that was not written to its end is dropped: nobody was told of it.
func (s *updateStream) replay() ([]mesos.TaskStatus, error) {
	body, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the updates of task %s: %w", s.task, err)
	}
	var all []mesos.TaskStatus
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, len(body)+1)
	end := 0
	for lines.Scan() {
		if end+len(lines.Bytes()) == len(body) {
			if err := os.Truncate(s.file, int64(end)); err != nil {
				return nil, fmt.Errorf("repair the updates of task %s: %w", s.task, err)
			}
			break
		}
		end += len(lines.Bytes()) + 1
		var r updateRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("read %s: %w", s.file, err)
		}
		switch {
		case r.Update != nil:
			s.take(*r.Update)
			all = append(all, *r.Update)
		case len(s.pending) > 0:
			s.ack()
		}
	}
	return all, nil
}
