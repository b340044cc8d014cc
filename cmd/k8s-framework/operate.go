package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"k8s-framework/internal/operator"
)

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

func scaleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "scale POOL NODES",
		Short:   "Change how many nodes a pool wants; surplus nodes are drained first",
		Example: "  k8s-framework scale workers 2",
		Args:    cobra.ExactArgs(2),
	}
	servers := server(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		nodes, err := strconv.Atoi(args[1])
		if err != nil || nodes < 0 {
			return fmt.Errorf("NODES is %q, want a whole number, 0 or more", args[1])
		}
		client, err := operator.New(*servers)
		if err != nil {
			return err
		}
		if err := client.Scale(cmd.Context(), args[0], nodes); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "pool %s wants %d nodes now; follow it with: k8s-framework status\n", args[0], nodes)
		return err
	}
	return cmd
}
