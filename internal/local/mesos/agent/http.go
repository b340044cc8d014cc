package agent

import (
	"net/http"
	"strings"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

// handler is the agent's HTTP port. The paths may begin with the name of the agent's libprocess process.
func (a *Agent) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/slave(1)"), "/")
		switch p := phase(a.answering.Load()); {
		case path == link.PingPath:
			wire.WriteStatus(w, http.StatusOK)
		case p == starting:
			wire.NotFound().Write(w)
		case path == "/health":
			wire.WriteStatus(w, http.StatusOK)
		case path == "/version":
			wire.WriteMessage(w, wire.JSON, versionInfo())
		case path == "/api/v1/executor":
			a.serveExecutor(w, r)
		case path == "/api/v1" || strings.HasPrefix(path, "/api/v1/"):
			a.serveOperator(w, r)
		case path == "/flags":
			wire.WriteMessage(w, wire.JSON, wire.Object{"flags": a.opts.Flags})
		case path == "/state" || path == "/state.json":
			a.serveState(w, r)
		default:
			wire.NotFound().Write(w)
		}
	})
}

func versionInfo() wire.Object {
	return wire.Object{
		"version": Version, "git_sha": gitSHA, "build_date": "2024-01-01 00:00:00", "build_time": 1704067200.0, "build_user": "stand-in",
	}
}

func notRecovered() *wire.Refusal {
	return wire.Refuse(http.StatusServiceUnavailable, "Agent has not finished recovery")
}
