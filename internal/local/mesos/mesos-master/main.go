// Command mesos-master is a stand-in for the Apache Mesos master. It takes the real one's flags and speaks its v1 APIs; see
// package internal/local/mesos/master for what it does and what it does not.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"k8s-framework/internal/local/mesos/flags"
	"k8s-framework/internal/local/mesos/master"
)

func main() {
	os.Exit(run())
}

func run() int {
	options, err := flags.ParseMaster(os.Args[1:], os.Environ())
	switch {
	case options.Help:
		fmt.Print(options.Set.Usage(nil))
		return 0
	case options.Version:
		fmt.Println("mesos", master.Version)
		return 0
	case err != nil:
		fmt.Fprint(os.Stderr, options.Set.Usage(err))
		return 1
	}
	m, err := master.New(master.Options{Flags: options, Log: os.Stderr})
	if err != nil {
		fmt.Fprintf(os.Stderr, "EXIT with status 1: %v\n", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err = m.Run(ctx)
	switch {
	case errors.Is(err, master.ErrAborted):
		debug.SetTraceback("crash") // the real one ends by SIGABRT, and so do we
		panic(err)
	case err != nil:
		fmt.Fprintf(os.Stderr, "EXIT with status 1: %v\n", err)
		return 1
	}
	return 0
}
