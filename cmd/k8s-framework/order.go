package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"k8s-framework/internal/operator"
)

// waiting says whether a command can wait until what it asked for has come about.
type waiting bool

const (
	waits  waiting = true
	atOnce waiting = false
)

// asked is what an operator typed, and whom it goes to.
type asked struct {
	cmd    *cobra.Command
	client *operator.Client
	args   []string
	dryRun bool
}

// orderCommand makes a command of one that changes something: with --dry-run it only says what it would do.
func orderCommand(cmd *cobra.Command, wait waiting, request func(asked) (operator.Request, error)) *cobra.Command {
	servers := server(cmd)
	dryRun := cmd.Flags().Bool("dry-run", false, "only print what would be done, and why")
	follow, timeout := new(bool), new(time.Duration)
	if wait {
		follow = cmd.Flags().Bool("wait", false, "follow until it has come about, a line for each change of a node; exit status 1 if it stops or --timeout passes")
		timeout = cmd.Flags().Duration("timeout", 15*time.Minute, "how long --wait waits")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case *follow && *dryRun:
			return errors.New("--wait with --dry-run: nothing happens that could be waited for")
		case slices.Contains(args, ""):
			return fmt.Errorf("an argument is \"\", want %s", cmd.Use)
		case *follow && *timeout <= 0:
			return fmt.Errorf("--timeout is %s, want more than 0s", *timeout)
		}
		client, err := operator.New(*servers)
		if err != nil {
			return err
		}
		r, err := request(asked{cmd, client, args, *dryRun})
		if err != nil {
			return err
		}
		lines, err := client.Do(cmd.Context(), r, *dryRun)
		if err != nil {
			return err
		}
		if err := printLines(cmd.OutOrStdout(), lines, *dryRun); err != nil || !*follow {
			return err
		}
		return followed(cmd.Context(), cmd.OutOrStdout(), client, r, *timeout)
	}
	return cmd
}

func printLines(out io.Writer, lines []string, dryRun bool) error {
	if len(lines) == 0 && dryRun {
		lines = []string{"nothing would change"}
	} else if len(lines) == 0 {
		lines = []string{"stored"}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

func followed(ctx context.Context, out io.Writer, client *operator.Client, r operator.Request, timeout time.Duration) error {
	began := time.Now()
	if err := client.Follow(ctx, r, timeout, out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "done after %s\n", time.Since(began).Round(time.Second))
	return err
}
