package mesos_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
)

func TestWrongOptionsAreNamed(t *testing.T) {
	leader := leading(t, "localhost:5050")
	framework := mesos.Framework{User: "root", Name: "k8s"}
	for name, test := range map[string]struct {
		options mesos.Options
		want    string
	}{
		"no leader":   {mesos.Options{Renderer: plain{}, Framework: framework}, "Leader is nil"},
		"no renderer": {mesos.Options{Leader: leader, Framework: framework}, "Renderer is nil"},
		"no user": {
			mesos.Options{Leader: leader, Renderer: plain{}, Framework: mesos.Framework{Name: "k8s"}},
			`framework's user is "" and name is "k8s", want both`,
		},
		"another principal": {
			mesos.Options{
				Leader: leader, Renderer: plain{}, Framework: mesos.Framework{User: "root", Name: "k8s", Principal: "bob"},
				Credentials: &mesos.Credentials{Principal: "alice", Secret: "wonder"},
			},
			`framework's principal is "bob", but the credentials are of "alice"`,
		},
		"a CA without https": {
			mesos.Options{Leader: leader, Renderer: plain{}, Framework: framework, CAFile: "ca.pem"},
			`CA file is "ca.pem", but HTTPS is not asked for`,
		},
		"no such CA": {
			mesos.Options{Leader: leader, Renderer: plain{}, Framework: framework, HTTPS: true, CAFile: "/no/ca.pem"},
			"read CA file: open /no/ca.pem",
		},
		"a CA that is none": {
			mesos.Options{Leader: leader, Renderer: plain{}, Framework: framework, HTTPS: true, CAFile: os.Args[0]},
			"holds no certificate",
		},
		"negative": {
			mesos.Options{Leader: leader, Renderer: plain{}, Framework: framework, CallTimeout: -time.Second},
			"timeouts are -1s (call)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mesos.New(test.options)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestAStaticMasterWantsHostAndPort(t *testing.T) {
	for _, address := range []string{"", "localhost", ":5050", "zk://localhost:2181/mesos", "http://localhost:5050"} {
		_, err := mesos.Static(address)
		require.ErrorContains(t, err, fmt.Sprintf("master is %q, want host:port", address))
	}
	_, err := mesos.Static()
	require.Error(t, err)
}

func TestCredentialsAreReadInMesosFormats(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want string // part of the error
	}{
		"text":                 {"alice wonder\n", ""},
		"tabs":                 {"  alice\t\twonder  ", ""},
		"JSON":                 {`{"principal": "alice", "secret": "wonder"}`, ""},
		"a list of one":        {`{"credentials": [{"principal": "alice", "secret": "wonder"}]}`, ""},
		"empty":                {"", "it has 0 words, want two"},
		"no secret":            {"alice", "it has 1 words, want two"},
		"three words":          {"alice wonder land", "it has 3 words, want two"},
		"two lines":            {"alice wonder\nbob builder", "it has several lines, want one"},
		"broken JSON":          {`{"principal": "alice", "secret": "wonder"`, "it is no valid JSON"},
		"JSON without secret":  {`{"principal": "alice"}`, `"principal" or "secret" is missing`},
		"a list of two":        {`{"credentials": [{"principal": "a", "secret": "b"}, {"principal": "c", "secret": "d"}]}`, "it holds 2 principals"},
		"a secret of a number": {`{"principal": "alice", "secret": 47110815471108154711}`, "it is no valid JSON of the form"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "credentials")
			require.NoError(t, os.WriteFile(path, []byte(test.text), 0o600))
			got, warning, err := mesos.ReadCredentials(path)
			assert.Empty(t, warning)
			if test.want == "" {
				require.NoError(t, err)
				assert.Equal(t, mesos.Credentials{Principal: "alice", Secret: "wonder"}, got)
				return
			}
			require.ErrorContains(t, err, test.want)
			assert.ErrorContains(t, err, path)
			assert.NotContains(t, err.Error(), "wonder")
			assert.NotContains(t, err.Error(), "47110815")
		})
	}
}

func TestCredentialsThatEverybodyMayReadAreWarnedOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(path, []byte("alice wonder"), 0o600))
	require.NoError(t, os.Chmod(path, 0o644))
	_, warning, err := mesos.ReadCredentials(path)
	require.NoError(t, err)
	assert.Contains(t, warning, "mode 0644")
	_, _, err = mesos.ReadCredentials(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSecretsDoNotShowThemselves(t *testing.T) {
	credentials := mesos.Credentials{Principal: "alice", Secret: "wonder"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		assert.NotContains(t, fmt.Sprintf(verb, credentials), "wonder", verb)
		assert.NotContains(t, fmt.Sprintf(verb, &credentials), "776f", verb)
	}
}
