package master

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

// ServeHTTP routes as libprocess does: the process's name may stand in front of a path, and a path below a route goes to
// the longest route that is a prefix of it.
func (m *Master) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if rest, ok := strings.CutPrefix(path, "/master/"); ok {
		path = "/" + rest
	}
	switch {
	case path == "/health":
		wire.WriteStatus(w, http.StatusOK)
		return
	case m.routes[r.URL.Path] != nil:
		m.routes[r.URL.Path].ServeHTTP(w, r)
		return
	case path == link.Path:
		m.acceptLink(w, r)
		return
	case path == "/version":
		wire.WriteMessage(w, wire.JSON, versionInfo())
		return
	case path == "/metrics/snapshot":
		m.serveMetrics(w)
		return
	}
	state := m.leadership.Load()
	switch {
	case path == "/redirect" && state.leader != nil:
		wire.Redirect(w, m.leaderAddress(state))
	case state.leader == nil:
		wire.Refuse(http.StatusServiceUnavailable, "No leader elected").Write(w)
	case !state.leading:
		m.redirect(w, r, path, state)
	case path == "/api/v1/scheduler":
		m.serveScheduler(w, r, state)
	case path == "/api/v1" || strings.HasPrefix(path, "/api/v1/"):
		m.serveOperator(w, r, state)
	default:
		m.serveGet(w, r, path, state)
	}
}

func (m *Master) leaderAddress(state *leadership) string {
	host := state.leader.GetHostname()
	if host == "" {
		host = state.leader.GetAddress().GetHostname()
	}
	return "//" + net.JoinHostPort(host, strconv.Itoa(int(state.leader.GetPort())))
}

// redirect sends whatever was asked to the leader: its host name, the process's name, the path, the query.
func (m *Master) redirect(w http.ResponseWriter, r *http.Request, path string, state *leadership) {
	location := m.leaderAddress(state) + "/master" + path
	if r.URL.RawQuery != "" {
		location += "?" + r.URL.RawQuery
	}
	wire.Redirect(w, location)
}

// notRecovered refuses what a leader cannot answer before it has read its registry.
func notRecovered(state *leadership) *wire.Refusal {
	if state.recovered {
		return nil
	}
	return wire.Refuse(http.StatusServiceUnavailable, "Master has not finished recovery")
}

// authenticated checks HTTP basic credentials. The principal is "" where nothing is asked for.
func (m *Master) authenticated(r *http.Request, asked bool, realm string) (principal string, refusal *wire.Refusal) {
	if !asked {
		return "", nil
	}
	user, secret, ok := r.BasicAuth()
	if want, known := m.secrets[user]; ok && known && want == secret {
		return user, nil
	}
	return "", wire.Unauthorized(realm)
}

// stopping is the answer to who comes when the loop has ended.
func stopping() *wire.Refusal {
	return wire.Refuse(http.StatusServiceUnavailable, "Master is stopping")
}
