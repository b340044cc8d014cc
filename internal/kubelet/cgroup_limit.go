package kubelet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// LimitMemory lowers the memory limit of all pods together to the given bytes, or as far as what they use at the moment allows,
// and returns what the limit is then. A kubelet that is restarted with less does so by itself, but gives up for a minute when pods
// use more, and takes 0 for "no limit". Use it while no kubelet runs. It never raises a limit, which is the kubelet's part;
// where no kubelet has run yet it does nothing unless bytes is 0. The result is -1 where there is no limit.
func (c *Cgroup) LimitMemory(bytes int64) (int64, error) {
	limit, usage := "memory.limit_in_bytes", "memory.usage_in_bytes"
	if c.Unified {
		limit, usage = "memory.max", "memory.current"
	}
	for _, h := range c.hierarchies {
		parent := filepath.Join(h.mount, c.Root)
		if !exists(filepath.Join(parent, usage)) {
			continue // not the memory controller's
		}
		top := filepath.Join(parent, kubepods)
		if bytes == 0 {
			if err := os.Mkdir(top, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return 0, fmt.Errorf("limit the memory of all pods: %w", err)
			}
		}
		if !exists(filepath.Join(top, usage)) {
			return -1, nil
		}
		return lowerLimit(filepath.Join(top, limit), filepath.Join(top, usage), bytes, c.Unified)
	}
	return -1, nil
}

// lowerLimit writes the limit, or what is used where that is more: v2 would kill for the difference. v1 makes the usage fall as
// far as it can and refuses then.
func lowerLimit(limit, usage string, bytes int64, unified bool) (int64, error) {
	var refused error
	for tries := range 5 { // the usage can rise between reading it and writing
		before, err := readBytes(limit)
		if err != nil {
			return 0, fmt.Errorf("limit the memory of all pods: %w", err)
		}
		want := bytes
		if unified || tries > 0 {
			used, err := readBytes(usage)
			if err != nil {
				return 0, fmt.Errorf("limit the memory of all pods: %w", err)
			}
			want = max(bytes, used)
		}
		if before >= 0 && before <= want {
			return before, nil
		}
		if refused = os.WriteFile(limit, []byte(strconv.FormatInt(want, 10)), 0o644); refused == nil {
			return readBytes(limit)
		}
	}
	return 0, fmt.Errorf("limit the memory of all pods: %w", refused)
}

// readBytes reads a number; what is not limited is -1.
func readBytes(file string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	word := strings.TrimSpace(string(text))
	if word == "max" {
		return -1, nil
	}
	number, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	if number > 1<<62 { // v1 writes "no limit" as the largest multiple of a page
		return -1, nil
	}
	return number, nil
}
