// Command demo shows the main job of k8s-framework on real parts, step by step, with the commands that an operator would
// type: `make demo`. On a terminal it stays up at the end until Ctrl-C.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"k8s-framework/internal/local/lab"
)

func main() {
	os.Exit(lab.Main(func() int {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		switch err := tell(ctx, onTerminal()); {
		case err == nil:
			return 0
		case ctx.Err() != nil && errors.Is(err, context.Canceled):
			fmt.Println("\nended by Ctrl-C; everything that ran in the demo ends with it")
			return 0
		default:
			fmt.Fprintln(os.Stderr, "demo:", err)
			return 1
		}
	}))
}

// onTerminal reports whether somebody watches.
func onTerminal() bool {
	_, err := unix.IoctlGetTermios(int(os.Stdout.Fd()), unix.TCGETS)
	return err == nil
}
