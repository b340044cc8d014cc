package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Checks of what lies in ZooKeeper and in sandboxes.

func (r *replay) inZooKeeper(form, path, shown string) error {
	if r.scene.zookeeper == nil {
		return errors.New("no ZooKeeper was started")
	}
	if form == "zookeeper ls" {
		children, _, err := r.scene.zookeeper.conn.Children(path)
		slices.Sort(children)
		if got := strings.Join(children, ", "); err != nil || got != shown {
			return fmt.Errorf("[%s], error %w", got, err)
		}
		return nil
	}
	data, _, err := r.scene.zookeeper.conn.Get(path)
	if err != nil {
		return err
	}
	var want, got any
	if err := json.Unmarshal([]byte(shown), &want); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(r.names.recorded(string(data))), &got); err != nil {
		return fmt.Errorf("%s: %w", data, err)
	}
	if diffs := r.matcher(false).try(want, got); len(diffs) > 0 {
		return fmt.Errorf("%v", diffs)
	}
	return nil
}

// checkFetched looks at what the fetcher asked for and left in the sandbox of the latest launch.
func (r *replay) checkFetched(form string, m []string) error {
	if form == "web server" {
		got := r.scene.web.look()
		if !sameRequests(got, m[1]) {
			return fmt.Errorf("the web server saw: %s", got)
		}
		r.scene.web.forget()
		return nil
	}
	boxes, _ := filepath.Glob(filepath.Join(r.world.dir, "agent1", "slaves", "*", "frameworks", "*", "executors",
		r.scene.sandbox, "runs", "latest"))
	if len(boxes) != 1 {
		return fmt.Errorf("%d sandboxes of executor %s", len(boxes), r.scene.sandbox)
	}
	switch form {
	case "stderr":
		return r.endOfStderr(filepath.Join(boxes[0], "stderr"), m[1])
	case "beside sandbox":
		_, err := os.Stat(filepath.Join(filepath.Dir(boxes[0]), m[1]))
		return err
	}
	info, err := os.Stat(filepath.Join(boxes[0], m[1]))
	if err != nil {
		return err
	}
	mode, size := fmt.Sprintf("%o", info.Mode().Perm()), strconv.FormatInt(info.Size(), 10)
	if m[2] != "" && (mode != m[2] || size != m[3]) {
		return fmt.Errorf("mode %s, %s bytes", mode, size)
	}
	return nil
}

func (r *replay) endOfStderr(file, shown string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	rest := r.names.recorded(string(data))
	for part := range strings.SplitSeq(shown, " | ") {
		if !r.names.findText(part, rest) {
			return fmt.Errorf("%q is not in it, but: %s", part, lastLines(rest, 3))
		}
	}
	return nil
}
