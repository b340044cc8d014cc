package execapi_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos/execapi"
)

// recorded is the environment that a real agent gave its executor.
func recorded() map[string]string {
	return map[string]string{
		"LIBPROCESS_IP": "127.0.0.1", "LIBPROCESS_PORT": "0", "MESOS_AGENT_ENDPOINT": "127.0.0.1:5051", "MESOS_CHECKPOINT": "1",
		"MESOS_DIRECTORY":   "/var/lib/mesos/slaves/AGENT-1/frameworks/FRAMEWORK-1/executors/e1/runs/CONTAINER-1",
		"MESOS_EXECUTOR_ID": "e1", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "30secs", "MESOS_FRAMEWORK_ID": "FRAMEWORK-1",
		"MESOS_HTTP_COMMAND_EXECUTOR": "0", "MESOS_RECOVERY_TIMEOUT": "15mins",
		"MESOS_SANDBOX":  "/var/lib/mesos/slaves/AGENT-1/frameworks/FRAMEWORK-1/executors/e1/runs/CONTAINER-1",
		"MESOS_SLAVE_ID": "AGENT-1", "MESOS_SLAVE_PID": "slave(1)@127.0.0.1:5051", "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"PWD":  "/var/lib/mesos/slaves/AGENT-1/frameworks/FRAMEWORK-1/executors/e1/runs/CONTAINER-1",
	}
}

func read(environment map[string]string) (execapi.Environment, error) {
	return execapi.FromEnvironment(func(name string) string { return environment[name] })
}

func TestTheRecordedEnvironmentIsRead(t *testing.T) {
	environment := recorded()
	environment["MESOS_EXECUTOR_AUTHENTICATION_TOKEN"] = "jwt"
	env, err := read(environment)
	require.NoError(t, err)
	assert.Equal(t, execapi.Environment{
		Framework: "FRAMEWORK-1", Executor: "e1", Endpoint: "127.0.0.1:5051", Checkpoint: true,
		Directory:       "/var/lib/mesos/slaves/AGENT-1/frameworks/FRAMEWORK-1/executors/e1/runs/CONTAINER-1",
		RecoveryTimeout: 15 * time.Minute, BackoffMax: 2 * time.Second, ShutdownGrace: 30 * time.Second, Token: "jwt",
	}, env)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", env, env, env), "jwt")
}

func TestWhatTheEnvironmentLacksHasMesosDefaults(t *testing.T) {
	env, err := read(map[string]string{
		"MESOS_FRAMEWORK_ID": "f", "MESOS_EXECUTOR_ID": "e", "MESOS_AGENT_ENDPOINT": "[::1]:5051", "MESOS_DIRECTORY": "/d",
	})
	require.NoError(t, err)
	assert.Equal(t, execapi.Environment{
		Framework: "f", Executor: "e", Endpoint: "[::1]:5051", Directory: "/d",
		RecoveryTimeout: 15 * time.Minute, BackoffMax: 2 * time.Second, ShutdownGrace: 5 * time.Second,
	}, env)
}

func TestWhatIsWrongInTheEnvironmentIsNamed(t *testing.T) {
	for name, test := range map[string]struct{ value, want string }{
		"MESOS_FRAMEWORK_ID":                   {"", `MESOS_FRAMEWORK_ID is "", want the framework's id`},
		"MESOS_EXECUTOR_ID":                    {"", `MESOS_EXECUTOR_ID is "", want the executor's id`},
		"MESOS_AGENT_ENDPOINT":                 {"agent1", `MESOS_AGENT_ENDPOINT is "agent1", want the agent's host:port`},
		"MESOS_CHECKPOINT":                     {"yes", `MESOS_CHECKPOINT is "yes", want 0, 1, true or false`},
		"MESOS_RECOVERY_TIMEOUT":               {"15m", `MESOS_RECOVERY_TIMEOUT is "15m", want a duration such as 15mins`},
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": {"-5secs", `is "-5secs", want a duration`},
	} {
		t.Run(name, func(t *testing.T) {
			environment := maps.Clone(recorded())
			environment[name] = test.value
			_, err := read(environment)
			require.ErrorContains(t, err, test.want)
		})
	}
	_, err := read(nil)
	for _, name := range []string{"MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID", "MESOS_AGENT_ENDPOINT", "MESOS_DIRECTORY"} {
		require.ErrorContains(t, err, name, "all of them are said at once")
	}
}

func TestMesosDurationsAreRead(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"15mins": 15 * time.Minute, "2secs": 2 * time.Second, "0ns": 0, "1.5secs": 1500 * time.Millisecond, "100us": 100 * time.Microsecond,
		"250ms": 250 * time.Millisecond, "1hrs": time.Hour, "2days": 48 * time.Hour, "3weeks": 21 * 24 * time.Hour, "-1secs": -time.Second,
	} {
		got, err := execapi.ParseDuration(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "5", "secs", "5 secs", "5s", "5sec", "NaNsecs", "infsecs", "1e300weeks", "5secs "} {
		_, err := execapi.ParseDuration(text)
		require.Error(t, err, text)
	}
}

func TestUpdateIDsAreUUIDsAndDiffer(t *testing.T) {
	seen := map[execapi.UpdateID]bool{}
	for _, container := range []string{"c", "c1"} {
		for _, task := range []string{"t", "1t"} {
			for number := range uint64(3) {
				id := execapi.NewUpdateID(container, task, number)
				require.Len(t, id, 16)
				assert.Equal(t, byte(0x50), id[6]&0xf0, "version 5")
				assert.Equal(t, byte(0x80), id[8]&0xc0, "the variant of RFC 4122")
				assert.Equal(t, id, execapi.NewUpdateID(container, task, number))
				seen[id] = true
			}
		}
	}
	assert.Len(t, seen, 12)
}

func TestBytesAreExact(t *testing.T) {
	assert.Equal(t, int64(1<<20), execapi.Resources{Mem: 1000}.MemBytes())
	assert.Equal(t, int64(1572864), execapi.Resources{Mem: 1500}.MemBytes())
	assert.Equal(t, int64(1048), execapi.Resources{Disk: 1}.DiskBytes())
	assert.Equal(t, int64(8e15/1000*(1<<20)), execapi.Resources{Mem: 8e15}.MemBytes())
	sum := execapi.Resources{CPUs: 1, Mem: 2, Disk: 3, GPUs: 4}.Plus(execapi.Resources{CPUs: 10, Mem: 20, Disk: 30, GPUs: 40})
	assert.Equal(t, execapi.Resources{CPUs: 11, Mem: 22, Disk: 33, GPUs: 44}, sum)
}
