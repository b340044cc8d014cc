package kube

import (
	"context"
	"fmt"
	"strings"

	"k8s-framework/internal/local/process"
)

// StartAPIServer starts the API server again after StopAPIServer and waits until it is ready. Start has already started it once.
func (cp *ControlPlane) StartAPIServer(ctx context.Context) error {
	p, err := cp.program("kube-apiserver",
		append(apiServerArguments(cp.credentials, cp.opts.Address), cp.opts.APIServerFlags...))
	if err != nil {
		return err
	}
	cp.apiServer = p
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return p.WaitFor(ctx, "kube-apiserver at "+cp.credentials.server+"/readyz", func(ctx context.Context) error {
		answer, err := cp.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err != nil {
			if text := strings.TrimSpace(string(answer)); text != "" {
				return fmt.Errorf("%w: %s", err, text)
			}
			return err
		}
		return nil
	})
}

// StopAPIServer takes the API server away, by SIGKILL, as a crash does: its clients see connections refused. The rest
// goes on, the controllers and the scheduler too, which try again until it is back.
func (cp *ControlPlane) StopAPIServer() error { return cp.apiServer.Kill() }

// APIServer is the API server's present process, for tests that stop it with SIGSTOP so that it hangs.
func (cp *ControlPlane) APIServer() *process.Process { return cp.apiServer }
