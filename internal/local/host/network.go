package host

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// port is the name of the host's interface on the bridge, in our own network namespace: at most 15 characters.
func (h *Host) port() string { return "veth" + h.opts.Name }

// plugIn gives the host eth0, whose other end is a port of the bridge, and routes its pods' addresses to it.
func (h *Host) plugIn(ctx context.Context) error {
	pid := strconv.Itoa(h.init.Load().Pid())
	err := ip(ctx, nil,
		"link add "+h.port()+" type veth peer name eth0 netns "+pid,
		"link set "+h.port()+" master "+h.opts.Bridge+" up",
		fmt.Sprintf("route replace %s via %s dev %s", h.opts.PodRange, h.Address(), h.opts.Bridge),
	)
	if err != nil {
		return err
	}
	return ip(ctx, []string{"nsenter", "--net", "--target", pid, "--"},
		"link set lo up",
		"address add "+h.opts.Address.String()+" dev eth0",
		"link set eth0 up",
		"route add default via "+h.opts.Gateway.String(),
	)
}

// unplug removes the interface. It goes with the host's network namespace too, but that is taken down by the kernel some
// time after its last process, and a boot wants the name again.
func (h *Host) unplug(ctx context.Context) error {
	if exec.CommandContext(ctx, "ip", "link", "show", h.port()).Run() != nil {
		return nil
	}
	if err := ip(ctx, nil, "link delete "+h.port()); err != nil {
		// It may have gone between the question and the deletion.
		if exec.CommandContext(ctx, "ip", "link", "show", h.port()).Run() == nil {
			return err
		}
	}
	return nil
}

// CutNetwork pulls the host's cable: packets of the host and of its pods go nowhere, connections stay open on both sides.
func (h *Host) CutNetwork(ctx context.Context) error {
	if err := ip(ctx, nil, "link set "+h.port()+" down"); err != nil {
		return fmt.Errorf("cut the network of host %s: %w", h.opts.Name, err)
	}
	return nil
}

// RestoreNetwork plugs the cable in again.
func (h *Host) RestoreNetwork(ctx context.Context) error {
	if err := ip(ctx, nil, "link set "+h.port()+" up"); err != nil {
		return fmt.Errorf("restore the network of host %s: %w", h.opts.Name, err)
	}
	return nil
}

// ip runs commands of ip(8) in one process, to the first that fails; prefix is a command that runs it elsewhere.
func ip(ctx context.Context, prefix []string, commands ...string) error {
	line := append(prefix, "ip", "-batch", "-")
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	_, err := output(cmd, "ip "+strings.Join(commands, "; "))
	return err
}
