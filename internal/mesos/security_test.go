package mesos_test

import (
	"encoding/pem"
	"io"
	"log"
	"os"
	"path/filepath"
	"testing"

	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

func TestTLSChecksTheMasterAgainstTheCAFile(t *testing.T) {
	m := unstarted(t, func(_ int, s *stream) { s.subscribed(15); s.hold() })
	m.Config.ErrorLog = log.New(io.Discard, "", 0) // the stranger's handshake fails, as it must
	m.StartTLS()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Certificate().Raw})
	require.NoError(t, os.WriteFile(ca, block, 0o600))

	c := talk(t, mesos.Options{Leader: leading(t, m.address()), HTTPS: true, CAFile: ca}, "")
	await[scheduler.Subscribed](c)
	require.NoError(t, c.call(scheduler.Revive{}))

	stranger := talk(t, mesos.Options{Leader: leading(t, m.address()), HTTPS: true}, "")
	assert.Contains(t, await[scheduler.Disconnected](stranger).Why, "failed to verify certificate")
}

func TestCredentialsGoWithEveryRequest(t *testing.T) {
	m := newMaster(t, func(_ int, s *stream) { s.subscribed(15); s.hold() })
	c := talk(t, mesos.Options{
		Leader: leading(t, m.address()), Credentials: &mesos.Credentials{Principal: "alice", Secret: "wonder"},
	}, "")
	await[scheduler.Subscribed](c)
	require.NoError(t, c.call(scheduler.Suppress{}))
	assert.Equal(t, "Basic YWxpY2U6d29uZGVy", m.got(v1sched.Call_SUBSCRIBE)[0].header.Get("Authorization"))
	assert.Equal(t, "Basic YWxpY2U6d29uZGVy", m.got(v1sched.Call_SUPPRESS)[0].header.Get("Authorization"))
	assert.Equal(t, "alice", m.got(v1sched.Call_SUBSCRIBE)[0].call.Subscribe.FrameworkInfo.GetPrincipal())
}
