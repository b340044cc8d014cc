package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"k8s-framework/scheduler"
)

// answerWithin bounds how long an operator waits for the loop.
const answerWithin = 15 * time.Second

// operatorAPI serves the operators: the leader answers, a standby redirects to it.
//
//	GET /healthz   200 while the process works
//	GET /readyz    200 when it leads and is subscribed, or stands by
//	GET /metrics   Prometheus
//	GET /state     scheduler.View as JSON
//	GET /artifacts/SHA256   a file that nodes fetch: every instance answers
//	GET /debug/pprof/   Go's profiles, with --profiling
//	POST /abdicate   the leader resigns, if another stands by
//
// and the orders of orders.go.
type operatorAPI struct {
	// leading is the loop while we lead.
	leading atomic.Pointer[loop]
	// election is there once we take part in it.
	election atomic.Pointer[election]
	registry *prometheus.Registry
	options  Options
	// artifacts are the files that nodes fetch; they are there before the first request.
	artifacts artifacts
}

// election names advertised addresses, host:port: of the instance that leads, or an error if nobody is known to; and of the one that
// is next in line, which is empty if nobody stands by.
type election interface {
	Leader(ctx context.Context) (string, error)
	Next(ctx context.Context) (string, error)
}

// takesPart says whom to ask about the election.
func (a *operatorAPI) takesPart(e election) { a.election.Store(&e) }

// lead lets a loop answer, or, with nil, whoever leads.
func (a *operatorAPI) lead(l *loop) { a.leading.Store(l) }

// handler routes the requests.
func (a *operatorAPI) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}))
	mux.Handle("GET "+artifactPath+"{sha256}", a.artifacts)
	mux.HandleFunc("GET /state", a.byLeader(a.state))
	if a.options.Profiling {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	mux.HandleFunc("POST /abdicate", a.byLeader(a.abdicate))
	for pattern, read := range orders() {
		mux.HandleFunc(pattern, a.byLeader(a.obey(read)))
	}
	return mux
}

// byLeader lets the leader answer; a standby redirects there.
func (a *operatorAPI) byLeader(answer func(http.ResponseWriter, *http.Request, *loop)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if l := a.leading.Load(); l != nil {
			answer(w, r, l)
			return
		}
		var address string
		if ask := a.election.Load(); ask != nil {
			address, _ = (*ask).Leader(r.Context()) // while ZooKeeper does not answer, nobody is known to lead
		}
		if address == "" {
			refuse(w, http.StatusServiceUnavailable, "no instance leads at the moment: try again in some seconds")
			return
		}
		target := url.URL{Scheme: "http", Host: address, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
		http.Redirect(w, r, target.String(), http.StatusTemporaryRedirect)
	}
}

func (a *operatorAPI) ready(w http.ResponseWriter, r *http.Request) {
	l := a.leading.Load()
	if l == nil {
		fmt.Fprintln(w, "standby")
		return
	}
	view, err := l.view(r.Context(), (*scheduler.Core).Overview)
	switch {
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err.Error())
	case view.Master == "":
		refuse(w, http.StatusServiceUnavailable, "leading, but not subscribed to a Mesos master")
	case !view.KubernetesSeen:
		refuse(w, http.StatusServiceUnavailable, "leading, but the Kubernetes API server has not answered yet")
	default:
		fmt.Fprintln(w, "leading")
	}
}

// abdicate ends the leadership of this instance for the benefit of the next in line. Where nobody is, nothing would be gained.
func (a *operatorAPI) abdicate(w http.ResponseWriter, r *http.Request, l *loop) {
	dry, err := dryRun(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if r.ContentLength != 0 {
		refuse(w, http.StatusBadRequest, "the request has a body, want none")
		return
	}
	next, err := (*a.election.Load()).Next(r.Context())
	switch {
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, "who would lead next is not known, nothing was changed: "+err.Error())
		return
	case next == "":
		refuse(w, http.StatusConflict, "no other instance stands by to lead: start one")
		return
	}
	answer := lines{[]string{fmt.Sprintf("the leader resigns and ends; %s leads next", next)}}
	if dry {
		answerJSON(w, answer)
		return
	}
	text, err := json.Marshal(answer)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	// The answer must be out as a whole before the process ends.
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
	_ = http.NewResponseController(w).Flush()
	l.abdicate()
}

func (a *operatorAPI) state(w http.ResponseWriter, r *http.Request, l *loop) {
	view, err := l.view(r.Context(), (*scheduler.Core).View)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answerJSON(w, view)
}

// overview is for metrics: a standby has none.
func (a *operatorAPI) overview() (scheduler.View, bool) {
	l := a.leading.Load()
	if l == nil {
		return scheduler.View{}, false
	}
	view, err := l.view(context.Background(), (*scheduler.Core).Overview)
	return view, err == nil
}

// view asks the loop for what an operator can see, all of it or an overview.
func (l *loop) view(ctx context.Context, of func(*scheduler.Core, time.Time) scheduler.View) (scheduler.View, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answer := make(chan scheduler.View, 1)
	select {
	case l.views <- viewing{of, answer}:
	case <-ctx.Done():
		return scheduler.View{}, fmt.Errorf("the loop has not answered within %s", answerWithin)
	}
	return <-answer, nil
}

// request hands an operator's request to the loop and waits until it is stored or refused.
func (l *loop) request(ctx context.Context, event func(number int64) scheduler.Event) (scheduler.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answer := make(chan scheduler.Reply, 1)
	select {
	case l.requests <- request{event, answer}:
	case <-ctx.Done():
		return scheduler.Reply{}, fmt.Errorf("the loop has not taken the request within %s; nothing was changed", answerWithin)
	}
	select {
	case reply := <-answer:
		return reply, nil
	case <-ctx.Done():
		return scheduler.Reply{}, fmt.Errorf("the loop has not answered within %s; look at the state to see whether the request was stored", answerWithin)
	}
}

func answerJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	// The status is sent; an operator who left is nobody's error.
	_ = json.NewEncoder(w).Encode(value)
}

func refuse(w http.ResponseWriter, status int, why string) {
	http.Error(w, why, status)
}
