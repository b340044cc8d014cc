package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"k8s-framework/internal/operator"
)

// operatorCommands ask the instances.
func operatorCommands() []*cobra.Command {
	return []*cobra.Command{
		statusCommand(), poolsCommand(),
		scaleCommand(), applyCommand(), deleteCommand(),
		pauseCommand(), resumeCommand(), rollbackCommand(), restartCommand(), cancelCommand(), abdicateCommand(), teardownCommand(),
	}
}

// server adds --server to a command that asks the instances.
func server(cmd *cobra.Command) *[]string {
	return cmd.Flags().StringSlice("server", []string{"127.0.0.1:10260"}, "host:port of instances of k8s-framework, tried in turn; any will do")
}

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print pools and nodes: phase, agent, age, Allocatable, and why",
		Args:  cobra.NoArgs,
	}
	servers := server(cmd)
	output := cmd.Flags().StringP("output", "o", "table", "format: table or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *output != "table" && *output != "json" {
			return fmt.Errorf("--output is %q, want table or json", *output)
		}
		client, err := operator.New(*servers)
		if err != nil {
			return err
		}
		view, err := client.State(cmd.Context())
		if err != nil {
			return err
		}
		if *output == "json" {
			encoder := json.NewEncoder(cmd.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(view)
		}
		return operator.Print(cmd.OutOrStdout(), view, time.Now())
	}
	return cmd
}

func poolsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pools",
		Short: "Print the saved pools as a pools file, which apply takes back",
		Args:  cobra.NoArgs,
	}
	servers := server(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := operator.New(*servers)
		if err != nil {
			return err
		}
		view, err := client.State(cmd.Context())
		if err != nil {
			return err
		}
		return operator.WritePools(cmd.OutOrStdout(), view)
	}
	return cmd
}

func scaleCommand() *cobra.Command {
	return orderCommand(&cobra.Command{
		Use:     "scale POOL NODES",
		Short:   "Change how many nodes a pool wants, a number or all; surplus nodes are drained first",
		Example: "  k8s-framework scale workers 2",
		Args:    cobra.ExactArgs(2),
	}, waits, func(o asked) (operator.Request, error) { return operator.Scale(o.args[0], o.args[1]) })
}

func applyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "apply -f FILE",
		Short:   "Make the pools of a pools file what it says; other pools stay as they are",
		Example: "  k8s-framework apply -f pools.yaml --dry-run",
		Args:    cobra.NoArgs,
	}
	file := cmd.Flags().StringP("file", "f", "", "pools file, in YAML or JSON; - is the standard input")
	return orderCommand(cmd, waits, func(o asked) (operator.Request, error) {
		var document []byte
		var err error
		switch *file {
		case "":
			return operator.Request{}, fmt.Errorf("--file is \"\", want a pools file, or - for the standard input")
		case "-":
			document, err = io.ReadAll(o.cmd.InOrStdin())
		default:
			document, err = os.ReadFile(*file)
		}
		if err != nil {
			return operator.Request{}, fmt.Errorf("--file is %q, want a readable pools file: %w", *file, err)
		}
		return operator.Apply(document)
	})
}

func deleteCommand() *cobra.Command {
	return poolCommand("delete", "Drain a pool's nodes, give its reservations back, and forget it", atOnce, operator.Delete)
}

func pauseCommand() *cobra.Command {
	return poolCommand("pause", "Hold the rolling change of a pool: outdated nodes stay", atOnce, operator.Pause)
}

func resumeCommand() *cobra.Command {
	return poolCommand("resume", "Go on with the rolling change of a pool, also with one that was stopped by failures", waits, operator.Resume)
}

func rollbackCommand() *cobra.Command {
	return poolCommand("rollback", "Make the definition before a pool's present one hold again", waits, operator.RollBack)
}

// poolCommand is a command whose only argument is a pool.
func poolCommand(verb, short string, wait waiting, request func(pool string) operator.Request) *cobra.Command {
	return orderCommand(&cobra.Command{Use: verb + " POOL", Short: short, Args: cobra.ExactArgs(1)}, wait,
		func(o asked) (operator.Request, error) { return request(o.args[0]), nil })
}

func restartCommand() *cobra.Command {
	return orderCommand(&cobra.Command{
		Use:   "restart POOL|NODE|HOST",
		Short: "Replace all nodes of a pool, as a rolling change, or one node: drained, then launched anew",
		Long: "Replace all nodes of a pool, as a rolling change, or one node: drained, then launched anew.\n\n" +
			"Where a name could be of several, say pool/NAME, node/NAME or host/NAME.",
		Args: cobra.ExactArgs(1),
	}, waits, func(o asked) (operator.Request, error) {
		view, err := o.client.State(o.cmd.Context())
		if err != nil {
			return operator.Request{}, err
		}
		return operator.Restart(view, o.args[0])
	})
}

func cancelCommand() *cobra.Command {
	return orderCommand(&cobra.Command{
		Use:   "cancel NODE|HOST",
		Short: "Call the planned drain of a node off, and uncordon it",
		Args:  cobra.ExactArgs(1),
	}, atOnce, func(o asked) (operator.Request, error) {
		view, err := o.client.State(o.cmd.Context())
		if err != nil {
			return operator.Request{}, err
		}
		return operator.Cancel(view, o.args[0])
	})
}

func abdicateCommand() *cobra.Command {
	return orderCommand(&cobra.Command{
		Use:   "abdicate",
		Short: "Make the leader resign and end, so that the instance that is next in line leads; its supervisor starts it again",
		Args:  cobra.NoArgs,
	}, atOnce, func(asked) (operator.Request, error) { return operator.Abdicate(), nil })
}

func teardownCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "teardown --yes",
		Short: "Drain and end every node of every pool, and end the framework in Mesos, for good",
		Args:  cobra.NoArgs,
	}
	yes := cmd.Flags().Bool("yes", false, "really: it cannot be undone")
	return orderCommand(cmd, atOnce, func(o asked) (operator.Request, error) {
		if !*yes && !o.dryRun {
			return operator.Request{}, operator.ErrNotSure
		}
		return operator.TearDown(), nil
	})
}
