package container

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// killTree sends SIGKILL to a process, its descendants, and everything in the sessions and process groups of those; it
// returns them. When the process itself is not there any more it finds nobody, as the real posix launcher.
func killTree(root int) []int {
	all := processes()
	if _, ok := all[root]; !ok {
		return nil
	}
	found := map[int]bool{}
	sessions, groups := map[int]bool{}, map[int]bool{}
	var order []int
	add := func(pid int) {
		if found[pid] || pid <= 1 {
			return
		}
		found[pid] = true
		order = append(order, pid)
		// Stopped so that it cannot fork away while the others are searched for.
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		if p := all[pid]; p.session == root || p.group == root {
			sessions[p.session], groups[p.group] = true, true
		}
	}
	add(root)
	for more := true; more; {
		more = false
		for pid, p := range all {
			if !found[pid] && (found[p.parent] || sessions[p.session] || groups[p.group]) {
				add(pid)
				more = true
			}
		}
		if !more {
			before := len(all)
			all = processes()
			more = len(all) > before && anyNew(all, found, sessions, groups)
		}
	}
	for _, pid := range order {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	return order
}

func anyNew(all map[int]process, found, sessions, groups map[int]bool) bool {
	for pid, p := range all {
		if !found[pid] && (found[p.parent] || sessions[p.session] || groups[p.group]) {
			return true
		}
	}
	return false
}

type process struct{ parent, group, session int }

// processes reads /proc.
func processes() map[int]process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	all := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		// pid (name, which may contain anything) state ppid pgrp session …
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(f) < 4 {
			continue
		}
		n := func(i int) int { v, _ := strconv.Atoi(f[i]); return v } // the kernel writes numbers
		all[pid] = process{parent: n(1), group: n(2), session: n(3)}
	}
	return all
}
