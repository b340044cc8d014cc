package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Handler is told what a stream sees. All its functions are called from the goroutine of Follow, one after another; one
// that blocks holds the stream up.
type Handler[T any] struct {
	// Listing: the list of all that exists follows, from the start. A list that breaks off is followed by another Listing.
	Listing func()
	// Seen: the object exists, is new or changed. It may be told twice.
	Seen func(T)
	// Synced: the list is complete. What was not Seen since Listing does not exist any more.
	Synced func()
	// Gone: the object was deleted.
	Gone func(T)
	// Trouble tells of a list or watch that failed, at each attempt, and with nil that it goes on again.
	Trouble func(error)
}

// Follow keeps the handler informed about the objects at path until ctx ends: it lists, watches from there, watches again
// when a watch ends, and lists again when the server has forgotten where the watch stood. Errors, a refusal too, are told
// as Trouble and tried again, after 100 ms at first and 5 s at most: whoever takes one for final ends ctx.
//
// A connection that goes dead without a word is noticed by the pings of HTTP/2 (client-go's defaults: 45 s).
func Follow[T interface{ Version() string }](ctx context.Context, c *Client, path string, query url.Values, h Handler[T]) {
	f := follower[T]{client: c, path: path, query: query, handler: h}
	for ctx.Err() == nil {
		began := time.Now()
		err := f.once(ctx)
		wait := pause(f.failures + 1)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil || forgotten(err):
			if err != nil {
				f.version = ""
			}
			if time.Since(began) > time.Second {
				continue // a watch that the server ended in its time
			}
			// A server that shuts down ends every watch as soon as it began: it is no trouble, but not to be hammered.
		default:
			f.failures++
			if f.failures >= stale {
				f.version = ""
			}
			h.Trouble(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// stale is the number of failures in a row after which a watch does not go on from where it stood. A server that came
// back with a restored, older etcd does not know that version and would not say so: it would wait for it.
const stale = 3

// follower is one stream's memory between two attempts.
type follower[T interface{ Version() string }] struct {
	client  *Client
	path    string
	query   url.Values
	handler Handler[T]
	// version is where the watch stands; empty: a list is needed.
	version string
	// failures counts the attempts in a row that failed.
	failures int
}

// once lists if needed and watches until the watch ends, without an error if the server ended it properly.
func (f *follower[T]) once(ctx context.Context) error {
	if f.version == "" {
		if err := f.list(ctx); err != nil {
			return fmt.Errorf("list %s: %w", f.path, err)
		}
	}
	if err := f.watch(ctx); err != nil {
		return fmt.Errorf("watch %s: %w", f.path, err)
	}
	return nil
}

// well is told when the server has answered.
func (f *follower[T]) well() {
	if f.failures > 0 {
		f.failures = 0
		f.handler.Trouble(nil)
	}
}

// list reads the list item by item: ten thousand nodes are never held together.
func (f *follower[T]) list(ctx context.Context) error {
	response, err := f.client.stream(ctx, f.path, f.query)
	if err != nil {
		return err
	}
	defer closeAnswer(response)
	f.handler.Listing()
	version, err := readList(response.Body, f.handler.Seen)
	if err != nil {
		return err
	}
	if version == "" {
		return errors.New("the answer has no resourceVersion, want a list")
	}
	f.version = version
	f.handler.Synced()
	f.well()
	return nil
}

// readList calls seen with each item of a list and returns the list's resource version.
func readList[T any](body io.Reader, seen func(T)) (version string, err error) {
	decoder := json.NewDecoder(body)
	if _, err := decoder.Token(); err != nil { // {
		return "", err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return "", err
		}
		switch key {
		case "metadata":
			var meta Meta
			if err := decoder.Decode(&meta); err != nil {
				return "", err
			}
			version = meta.ResourceVersion
		case "items":
			if err := readItems(decoder, seen); err != nil {
				return "", err
			}
		default:
			var ignored json.RawMessage
			if err := decoder.Decode(&ignored); err != nil {
				return "", err
			}
		}
	}
	_, err = decoder.Token() // }
	return version, err
}

func readItems[T any](decoder *json.Decoder, seen func(T)) error {
	start, err := decoder.Token()
	if err != nil || start == nil { // "items": null is an empty list
		return err
	}
	for decoder.More() {
		var item T
		if err := decoder.Decode(&item); err != nil {
			return err
		}
		seen(item)
	}
	_, err = decoder.Token() // ]
	return err
}

// watch reads events from where the last list or watch stood.
func (f *follower[T]) watch(ctx context.Context) error {
	query := url.Values{}
	for key, values := range f.query {
		query[key] = values
	}
	query.Set("watch", "true")
	query.Set("allowWatchBookmarks", "true")
	query.Set("resourceVersion", f.version)
	// The server ends the watch in its time: many clients that came back together after an outage part again.
	query.Set("timeoutSeconds", strconv.Itoa(300+rand.IntN(300)))
	response, err := f.client.stream(ctx, f.path, query)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	f.well()
	decoder := json.NewDecoder(response.Body)
	for {
		var event struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		switch err := decoder.Decode(&event); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := f.event(event.Type, event.Object); err != nil {
			return err
		}
	}
}

// event tells the handler of one event of a watch.
func (f *follower[T]) event(kind string, object json.RawMessage) error {
	if kind == "ERROR" {
		var status metav1.Status
		if err := json.Unmarshal(object, &status); err != nil {
			return fmt.Errorf("decode the server's error: %w", err)
		}
		return &apierrors.StatusError{ErrStatus: status}
	}
	var item T
	if err := json.Unmarshal(object, &item); err != nil {
		return fmt.Errorf("decode %s: %w", kind, err)
	}
	switch kind {
	case "ADDED", "MODIFIED":
		f.handler.Seen(item)
	case "DELETED":
		f.handler.Gone(item)
	case "BOOKMARK":
	default:
		return fmt.Errorf("event is %q, want ADDED, MODIFIED, DELETED, BOOKMARK or ERROR", kind)
	}
	f.version = item.Version()
	return nil
}

// forgotten reports whether the server cannot go on from the version that it was asked for: history is compacted, or
// another etcd is behind it.
func forgotten(err error) bool {
	var status *apierrors.StatusError
	return errors.As(err, &status) && (status.ErrStatus.Code == http.StatusGone || apierrors.IsResourceExpired(status))
}

// pause is the wait after that many failures in a row, with a jitter of a fifth.
func pause(failures int) time.Duration {
	wait := min(100*time.Millisecond<<min(failures-1, 10), 5*time.Second)
	return wait + time.Duration(rand.Int64N(int64(wait)/5))
}
