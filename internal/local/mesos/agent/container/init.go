package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// InitName is argv[0] of a container's init process. A program that uses this package must call Init when it finds itself
// started under this name.
const InitName = "mesos-containerizer"

const (
	statusFile = "status"
	launchFD   = 3
	shell      = "/bin/sh"
)

// launchInfo is what the init process reads from its pipe when it may start the executor. An end of file instead means
// that the launch was given up, or that the agent has died meanwhile.
type launchInfo struct {
	Path string
	Args []string
	Env  []string
	Dir  string
	// UID and GIDs (the first is the primary one) are set when the executor runs as somebody else.
	UID  *uint32
	GIDs []uint32
}

// Init is the main function of a container's init process: `mesos-containerizer launch --runtime_directory=DIR`. It waits for
// the agent's word, starts the executor as its child, waits for it, writes the raw wait status down and returns the exit
// code of the process. What goes wrong it says on stderr, which is the sandbox's file.
func Init(args []string) int {
	var dir string
	for _, a := range args[1:] {
		dir = strings.TrimPrefix(a, "--runtime_directory=")
	}
	status, err := os.OpenFile(filepath.Join(dir, statusFile), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Failed to open file for writing the container status:", err)
		return 1
	}
	raw, failure := supervise()
	code := 0
	if failure != nil {
		fmt.Fprintln(os.Stderr, failure)
		raw, code = 1<<8, 1
	}
	_, err = status.WriteString(strconv.Itoa(raw))
	if err = errors.Join(err, status.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "Failed to write the container status:", err)
		code = 1
	}
	return code
}

// supervise returns the raw wait status of the executor.
func supervise() (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)

	pipe := os.NewFile(launchFD, "launch")
	body, err := io.ReadAll(pipe)
	if err != nil || len(body) == 0 {
		return 0, fmt.Errorf("Failed to synchronize with agent (it's probably exited)") // Mesos's words
	}
	_ = pipe.Close()
	var info launchInfo
	if err := json.Unmarshal(body, &info); err != nil {
		return 0, fmt.Errorf("Failed to parse launch info: %w", err) // as above
	}
	attr := &os.ProcAttr{Dir: info.Dir, Env: info.Env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}}
	if info.UID != nil {
		attr.Sys = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: *info.UID, Gid: info.GIDs[0], Groups: info.GIDs}}
	}
	p, err := os.StartProcess(info.Path, info.Args, attr)
	if err != nil {
		return 0, fmt.Errorf("Failed to execute '%s': %w", info.Path, err) // as above
	}
	go func() { // ends with the process
		for s := range signals {
			_ = p.Signal(s)
		}
	}()
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, fmt.Errorf("Failed to os::waitpid(): %w", err) // as above
		case pid == p.Pid && !ws.Stopped():
			return int(ws), nil
		}
	}
}

// launchOf makes the words for the init process of a spec.
func launchOf(spec Spec, who *identity) (launchInfo, error) {
	info := launchInfo{Dir: spec.Dir}
	if _, ok := spec.Env["PATH"]; !ok {
		info.Env = append(info.Env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	for k, v := range spec.Env {
		info.Env = append(info.Env, k+"="+v)
	}
	if spec.Command.Shell == nil || *spec.Command.Shell {
		if spec.Command.Value == nil {
			return info, fmt.Errorf("Shell command is not specified") // Mesos's words
		}
		info.Path, info.Args = shell, []string{"sh", "-c", spec.Command.GetValue()}
	} else {
		if spec.Command.Value == nil {
			return info, fmt.Errorf("Executable path is not specified") // Mesos's words
		}
		info.Path, info.Args = lookup(spec.Command.GetValue(), spec.Env["PATH"], spec.Dir), spec.Command.Arguments
	}
	if who != nil {
		info.UID, info.GIDs = &who.uid, who.gids
	}
	return info, nil
}

// lookup finds an executable as execvpe does, but in the sandbox first.
func lookup(name, path, dir string) string {
	if filepath.IsAbs(name) {
		return name
	}
	if p := filepath.Join(dir, name); executable(p) {
		return p
	}
	if strings.Contains(name, "/") {
		return name
	}
	for _, d := range filepath.SplitList(path) {
		if p := filepath.Join(d, name); executable(p) {
			return p
		}
	}
	if p, err := exec.LookPath(name); err == nil && path == "" {
		return p
	}
	return name
}

func executable(p string) bool {
	st, err := os.Stat(p)
	return err == nil && !st.IsDir() && st.Mode()&0o111 != 0
}
