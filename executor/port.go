package executor

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// strangerAt says who listens at the port of this host if it is not the process, or one of its process group; empty if it is, or
// if that cannot be seen. A kubelet that finds its port taken goes on without it, and somebody else's 200 would stand for its
// health.
func strangerAt(port, pid int) string {
	sockets := listeners(port)
	if len(sockets) == 0 || owns(pid, sockets) {
		return ""
	}
	others, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return ""
	}
	for _, dir := range others {
		other, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || !owns(other, sockets) {
			continue
		}
		if groupOf(other) == pid {
			return ""
		}
		name, _ := os.ReadFile(filepath.Join(dir, "comm")) // only for the message
		return fmt.Sprintf("port %d of 127.0.0.1 (healthzPort) is answered by process %d (%s), not by the kubelet, process %d",
			port, other, strings.TrimSpace(string(name)), pid)
	}
	return ""
}

// listeners are the sockets that listen at the port, as the links in /proc/PID/fd name them.
func listeners(port int) []string {
	const listen = "0A"
	var sockets []string
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.Open(file)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(table) // it can be long
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) > 9 && fields[3] == listen && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				sockets = append(sockets, "socket:["+fields[9]+"]")
			}
		}
		_ = table.Close() // it was only read
	}
	return sockets
}

func owns(pid int, sockets []string) bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(files, func(file string) bool {
		target, err := os.Readlink(file)
		return err == nil && slices.Contains(sockets, target)
	})
}

// groupOf is the process group; 0 if the process is gone.
func groupOf(pid int) int {
	group, err := strconv.Atoi(statOf(pid, 5))
	if err != nil {
		return 0
	}
	return group
}

// statOf is a field of /proc/PID/stat, counted from 1 as proc(5) does and from 3 on; empty if the process is gone.
func statOf(pid, field int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	at := strings.LastIndex(string(text), ") ") // the name before it may hold anything
	if fields := strings.Fields(string(text[at+1:])); len(fields) > field-3 {
		return fields[field-3]
	}
	return ""
}
