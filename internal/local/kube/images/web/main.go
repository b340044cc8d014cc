// Command web is what the pods of the demo and the whole-system tests run: a small web server whose appetite can be set.
// Its settings are environment variables:
//
//	ADDR    address to serve on; default :8080
//	MEM_MB  mebibytes of memory to take and touch, over some seconds; default 0
//	BURN    when not empty, keep one core busy
//	DELAY   how long to go on serving after SIGTERM, as "3s"; default 0. It then ends with status 0.
//
// GET / says which pod answered; GET /healthz answers 200, and 503 from SIGTERM on, as a server does that wants its
// traffic to go elsewhere first.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

func serve() error {
	memory, err := setting("MEM_MB", 0, strconv.Atoi)
	if err != nil {
		return err
	}
	delay, err := setting("DELAY", 0, time.ParseDuration)
	if err != nil {
		return err
	}
	address := os.Getenv("ADDR")
	if address == "" {
		address = ":8080"
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("ask for the host name: %w", err)
	}
	var leaving atomic.Bool
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM, syscall.SIGINT)

	failed := make(chan error, 1)
	go func() { failed <- http.ListenAndServe(address, handler(host, &leaving)) }()
	go take(memory)
	if os.Getenv("BURN") != "" {
		go burn()
	}

	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", address, err)
	case <-term:
		leaving.Store(true)
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", address, err)
	case <-time.After(delay):
		return nil
	}
}

func handler(host string, leaving *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "hello from", host)
	})
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if leaving.Load() {
			http.Error(w, "leaving", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// take allocates and touches memory a mebibyte at a time and holds it, slowly enough for a limit to be watched.
func take(mebibytes int) {
	var held [][]byte
	for range mebibytes {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += os.Getpagesize() {
			block[i] = 1
		}
		held = append(held, block)
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Println("holds", len(held), "MiB")
	for range time.Tick(time.Hour) {
		runtime.KeepAlive(held) // or the collector gives it back
	}
}

// burn counts: an empty loop is what staticcheck takes for a mistake.
func burn() {
	for n := uint64(1); n != 0; n++ { // for some centuries
	}
}

func setting[T any](name string, fallback T, parse func(string) (T, error)) (T, error) {
	text := os.Getenv(name)
	if text == "" {
		return fallback, nil
	}
	value, err := parse(text)
	if err != nil {
		return value, errors.Join(fmt.Errorf("environment variable %s=%q", name, text), err)
	}
	return value, nil
}
