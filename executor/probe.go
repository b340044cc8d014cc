package executor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	probeTimeout = 3 * time.Second
	probeOften   = 50 * time.Millisecond // until it is healthy
	probeSeldom  = 5 * time.Second       // while it is
	probeDoubt   = time.Second           // when it is not any more
)

// probe asks the /healthz of the kubelet with the process id again and again until ctx is done. A failure is told when it differs
// from the one before, or once a second.
func probe(ctx context.Context, port, pid int, tell func(healthy bool, why string)) {
	client := &http.Client{Timeout: probeTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	url := fmt.Sprintf("http://127.0.0.1:%d/healthz", port)
	interval := probeOften
	var told time.Time
	before, known, strange := "", false, false
	for {
		why := ask(ctx, client, url)
		if ctx.Err() != nil {
			return
		}
		if why == "" && !known {
			why = strangerAt(port, pid)
			known = why == "" // it keeps the port as long as it lives
			strange = !known
		}
		if why == "" || why != before || time.Since(told) >= time.Second {
			tell(why == "", why)
			told, before = time.Now(), why
		}
		switch {
		case why == "":
			interval = probeSeldom
		case interval == probeSeldom, strange: // to look for who it is costs more than to ask
			interval = probeDoubt
		}
		if pause(ctx, interval) != nil {
			return
		}
	}
}

// ask is why the kubelet is not healthy; empty if it is.
func ask(ctx context.Context, client *http.Client, url string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 500))
	if err != nil {
		return err.Error()
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Sprintf("%s answers %s: %s", url, response.Status, strings.TrimSpace(string(text)))
	}
	return ""
}

// listens reports whether something takes connections at the port of this host.
func listens(port int) bool {
	connection, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}
