package flags

import (
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"
)

// The command lines of the recordings.
func TestCommandLinesOfTheRecordings(t *testing.T) {
	m, err := ParseMaster([]string{
		"--ip=127.0.0.1", "--port=5050", "--hostname=master1.example", "--work_dir=/w", "--zk=zk://127.0.0.1:2381/mesos", "--quorum=2",
		"--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=2", "--offer_timeout=6secs", "--authenticate_http_frameworks",
		"--http_framework_authenticators=basic", "--credentials=/c.json",
		`--domain={"fault_domain":{"region":{"name":"region-a"},"zone":{"name":"zone-1"}}}`,
	}, nil)
	require.NoError(t, err)
	require.Equal(t, time.Second, m.AgentPingTimeout)
	require.Equal(t, 6*time.Second, m.OfferTimeout)
	require.True(t, m.AuthenticateHTTPFrameworks)
	require.Equal(t, "replicated_log", m.Registry)
	require.Equal(t, "/c.json", m.Set.Values()["credentials"])

	a, err := ParseAgent([]string{
		"--master=127.0.0.1:5050", "--ip=127.0.0.1", "--port=5051", "--hostname=agent1.example", "--work_dir=/w", "--runtime_dir=/r",
		"--fetcher_cache_dir=/f", "--containerizers=mesos", "--launcher=posix", "--isolation=posix/cpu,posix/mem,filesystem/posix",
		"--no-systemd_enable_support", "--resources=cpus:4;mem:4096;disk:10000;ports:[31000-31999]", "--cgroups_enable_cfs",
		"--executor_registration_timeout=3secs", "--http_heartbeat_interval=3secs",
	}, []string{"MESOS_ATTRIBUTES=rack:r7", "MESOS_LAUNCHER=linux", "MESOS_SANDBOX=/x", "PATH=/bin"})
	require.NoError(t, err)
	require.False(t, a.SystemdEnableSupport)
	require.True(t, a.CgroupsEnableCFS)
	require.Equal(t, "posix", a.Launcher, "the command line wins over the environment")
	require.Equal(t, "rack:r7", a.Attributes)
	require.Equal(t, 2*time.Second, a.ExecutorReregistrationTimeout)
}

func TestErrorsNameTheFlag(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--authenticate_http_executors"}, "Failed to load unknown flag 'authenticate_http_executors'"},
		{[]string{"--no-what"}, "Failed to load unknown flag 'no-what'"},
		{[]string{"--port"}, "Failed to load non-boolean flag 'port': Missing value"},
		{[]string{"--no-port"}, "Failed to load non-boolean flag 'port' via 'no-port'"},
		{[]string{"--recovery_timeout=5"}, "Failed to load flag 'recovery_timeout': Failed to load value '5': Unknown duration unit in '5', expected ns, us, ms, secs, mins, hrs, days or weeks"},
		{[]string{"--master=x"}, "Flag 'work_dir' is required, but it was not provided"},
		{[]string{"--master=x", "--work_dir=/w", "--resources=cpus"}, "Failed to determine agent resources: Bad value for resources, missing or extra ':' in cpus"},
	} {
		a, err := ParseAgent(c.args, nil)
		require.EqualError(t, err, c.want)
		require.Contains(t, a.Set.Usage(err), c.want+"\n\nUsage: mesos-agent [options]\n")
	}
	_, err := ParseMaster([]string{"--work_dir=/w", "--registry=files"}, nil)
	require.ErrorContains(t, err, "--registry expects in_memory or replicated_log")
	_, err = ParseMaster([]string{"--work_dir=/w", "--agent_reregister_timeout=1mins"}, nil)
	require.ErrorContains(t, err, "--agent_reregister_timeout: Must be at least 10mins")
}

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"1secs": time.Second, "15mins": 15 * time.Minute, "1.5secs": 1500 * time.Millisecond, "2weeks": 14 * 24 * time.Hour,
		"10ms": 10 * time.Millisecond, "3us": 3 * time.Microsecond, "7ns": 7, "0ns": 0, "90secs": 90 * time.Second,
	} {
		got, err := ParseDuration(s)
		require.NoError(t, err)
		require.Equal(t, want, got)
		if s != "1.5secs" {
			require.Equal(t, s, FormatDuration(got))
		}
	}
	for _, s := range []string{"", "secs", "1", "1 s", "xsecs", "1e30weeks"} {
		_, err := ParseDuration(s)
		require.Error(t, err, "%q", s)
	}
}

func TestResources(t *testing.T) {
	all, err := ParseResources("cpus:4;mem:4096;ports:[31000-31999,32005-32005];cpus(workers):2;gpus:0")
	require.NoError(t, err)
	require.Len(t, all, 4, "zero is nothing")
	require.Equal(t, 4.0, all[0].Scalar.Value)
	require.Equal(t, []mesos.Value_Range{{Begin: 31000, End: 31999}, {Begin: 32005, End: 32005}}, all[2].Ranges.Range)
	require.Equal(t, "workers", all[3].Reservations[0].GetRole())
	require.Equal(t, mesos.Resource_ReservationInfo_STATIC, all[3].Reservations[0].GetType())

	fromJSON, err := ParseResources(`[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"role":"workers"}]`)
	require.NoError(t, err)
	require.NoError(t, fromJSON[0].VerboseEqual(all[3]))

	for _, bad := range []string{"cpus", "cpus:-1", "cpus(x:1", "name:text", "ports:[3-1]", "ports:[a-b]", "[{}]", "[1"} {
		_, err := ParseResources(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestAttributes(t *testing.T) {
	all, err := ParseAttributes("rack:r7;disks:[1-3];load:1.5")
	require.NoError(t, err)
	require.Equal(t, "r7", all[0].Text.Value)
	require.Equal(t, mesos.RANGES, all[1].Type)
	require.Equal(t, 1.5, all[2].Scalar.Value)
	_, err = ParseAttributes("a:{x,y}")
	require.ErrorIs(t, err, ErrAttributeSet)
	_, err = ParseAttributes("a")
	require.Error(t, err)
}

func FuzzParseResources(f *testing.F) {
	f.Add("cpus:4;mem:4096;ports:[31000-31999,32005-32005];cpus(workers):2")
	f.Fuzz(func(_ *testing.T, s string) {
		ParseResources(s)  // it must not panic
		ParseAttributes(s) // it must not panic
		ParseDuration(s)   // it must not panic
	})
}
