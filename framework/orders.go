package framework

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"k8s-framework/scheduler"
)

// order reads what an operator wants: the names in the request's path, and its body.
type order func(path func(name string) string, body []byte) (scheduler.Command, error)

// orders are the requests that change something, by pattern. With ?dryRun=true they only say what they would do. What they
// change is stored before they are answered with {"lines": […]}: what is done now.
func orders() map[string]order {
	return map[string]order{
		"PUT /pools":                  readApply,
		"POST /pools/{pool}/scale":    readScale,
		"DELETE /pools/{pool}":        ofPool(func(p scheduler.PoolName) scheduler.Command { return scheduler.RemovePool{Pool: p} }),
		"POST /pools/{pool}/pause":    ofPool(func(p scheduler.PoolName) scheduler.Command { return scheduler.Pause{Pool: p} }),
		"POST /pools/{pool}/resume":   ofPool(func(p scheduler.PoolName) scheduler.Command { return scheduler.Resume{Pool: p} }),
		"POST /pools/{pool}/rollback": ofPool(func(p scheduler.PoolName) scheduler.Command { return scheduler.RollBack{Pool: p} }),
		"POST /pools/{pool}/restart":  ofPool(func(p scheduler.PoolName) scheduler.Command { return scheduler.RestartPool{Pool: p} }),
		"POST /nodes/{node}/restart":  ofNode(func(n scheduler.NodeName) scheduler.Command { return scheduler.RestartNode{Node: n} }),
		"POST /nodes/{node}/cancel":   ofNode(func(n scheduler.NodeName) scheduler.Command { return scheduler.CallOff{Node: n} }),
		"POST /teardown":              readTeardown,
	}
}

func ofPool(command func(scheduler.PoolName) scheduler.Command) order {
	return func(path func(string) string, body []byte) (scheduler.Command, error) {
		return command(scheduler.PoolName(path("pool"))), empty(body)
	}
}

func ofNode(command func(scheduler.NodeName) scheduler.Command) order {
	return func(path func(string) string, body []byte) (scheduler.Command, error) {
		return command(scheduler.NodeName(path("node"))), empty(body)
	}
}

// empty refuses a body where none says anything: whoever sends one means something that would not happen.
func empty(body []byte) error {
	if len(body) > 0 {
		return fmt.Errorf("the request is %.200q, want none", body)
	}
	return nil
}

func readScale(path func(string) string, body []byte) (scheduler.Command, error) {
	var wanted struct {
		Nodes *scheduler.Count `json:"nodes"`
	}
	const form = `want {"nodes": N} or {"nodes": "all"}`
	switch err := decodeStrict(body, &wanted); {
	case err != nil:
		return nil, fmt.Errorf("the request is %.200q, %s: %w", body, form, err)
	case wanted.Nodes == nil:
		return nil, fmt.Errorf("the request is %.200q, %s", body, form)
	}
	return scheduler.Scale{Pool: scheduler.PoolName(path("pool")), Nodes: *wanted.Nodes}, nil
}

func readApply(_ func(string) string, body []byte) (scheduler.Command, error) {
	command, err := parsePools(body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the pools file: %w", err)
	case len(command.Pools) == 0:
		return nil, errors.New("the pools file names no pool, want one or more; pools that it does not name stay as they are")
	}
	return command, nil
}

func readTeardown(_ func(string) string, body []byte) (scheduler.Command, error) {
	var sure struct {
		Yes bool `json:"yes"`
	}
	if err := decodeStrict(body, &sure); err != nil || !sure.Yes {
		return nil, fmt.Errorf(`the request is %.200q, want {"yes": true}: every node is drained and ended, and that cannot be undone`, body)
	}
	return scheduler.EndAll{}, nil
}

// lines answer an order.
type lines struct {
	Lines []string `json:"lines"`
}

// obey hands an operator's order to the loop, and answers when it is stored or refused:
//
//	400  it cannot be read, or is wrong whatever the state       404  there is no such pool or node
//	413  it has more than --max-request                          422  the core refuses it
func (a *operatorAPI) obey(read order) func(http.ResponseWriter, *http.Request, *loop) {
	return func(w http.ResponseWriter, r *http.Request, l *loop) {
		dry, err := dryRun(r.URL.Query())
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(a.options.MaxRequest)))
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has %s, want at most the %d of --max-request", size(r), tooLarge.Limit))
			return
		} else if err != nil {
			refuse(w, http.StatusBadRequest, "read the request: "+err.Error())
			return
		}
		command, err := read(r.PathValue, body)
		if err == nil {
			err = a.storable(command)
		}
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		reply, err := l.request(r.Context(), func(number int64) scheduler.Event {
			return scheduler.Asked{Request: number, DryRun: dry, Command: command}
		})
		switch {
		case err != nil:
			refuse(w, http.StatusServiceUnavailable, err.Error())
		case reply.Problem != "":
			refuse(w, l.refusal(r), reply.Problem)
		default:
			answerJSON(w, lines{append([]string{}, append(reply.Lines, a.advice(command)...)...)})
		}
	}
}

// size is what a request says of its length.
func size(r *http.Request) string {
	if r.ContentLength < 0 {
		return "more bytes than are taken"
	}
	return fmt.Sprintf("%d bytes", r.ContentLength)
}

// storable checks that what a command would store fits into a record. Once the core has taken it, it is too late to refuse.
func (a *operatorAPI) storable(command scheduler.Command) error {
	var problems []error
	if apply, ok := command.(scheduler.Apply); ok {
		for _, pool := range apply.Pools {
			problems = append(problems, a.options.fits(pool))
		}
	}
	return errors.Join(problems...)
}

// dryRun reads the request's only parameter. A misspelt one must not make an order of what was meant as a question.
func dryRun(query url.Values) (bool, error) {
	for name, values := range query {
		if name != "dryRun" || len(values) != 1 {
			return false, fmt.Errorf("parameter %s is %q, want dryRun, once, and no other", name, values)
		}
	}
	text := query.Get("dryRun")
	if text == "" && !query.Has("dryRun") {
		return false, nil
	}
	dry, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("dryRun is %q, want true or false", text)
	}
	return dry, nil
}

// refusal is the status of an order that the core refuses.
func (l *loop) refusal(r *http.Request) int {
	view, err := l.view(r.Context(), (*scheduler.Core).View)
	if err != nil {
		return http.StatusUnprocessableEntity
	}
	pool, node := scheduler.PoolName(r.PathValue("pool")), scheduler.NodeName(r.PathValue("node"))
	if pool != "" && !slices.ContainsFunc(view.Pools, func(p scheduler.PoolView) bool { return p.Name == pool }) ||
		node != "" && !slices.ContainsFunc(view.Nodes, func(n scheduler.NodeView) bool { return n.Name == node }) {
		return http.StatusNotFound
	}
	return http.StatusUnprocessableEntity
}

// advice is what an operator should know of an order beyond what the core knows.
func (a *operatorAPI) advice(command scheduler.Command) []string {
	removed, ok := command.(scheduler.RemovePool)
	if ok && slices.ContainsFunc(a.options.Pools, func(p scheduler.Pool) bool { return p.Name == removed.Pool }) {
		return []string{fmt.Sprintf("pool %s stands in --pool or --pools: take it out there, on all instances, or a later leader begins it anew", removed.Pool)}
	}
	return nil
}
