package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// serve answers each request with the next function; after the last one it hangs until the client leaves.
func serve(t *testing.T, answers ...http.HandlerFunc) *Client {
	t.Helper()
	next := make(chan http.HandlerFunc, len(answers))
	for _, answer := range answers {
		next <- answer
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case answer := <-next:
			answer(w, r)
		default:
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	client, err := New(&rest.Config{Host: server.URL, QPS: 1000, Burst: 1000, UserAgent: "test-agent"})
	require.NoError(t, err)
	return client
}

func text(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// follow records what a handler is told until it was told the wanted number of things.
func follow(t *testing.T, client *Client, want int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var told []string
	tell := func(format string, args ...any) {
		if ctx.Err() != nil {
			return
		}
		if told = append(told, fmt.Sprintf(format, args...)); len(told) == want {
			cancel()
		}
	}
	Follow(ctx, client, "/things", nil, Handler[Object]{
		Listing: func() { tell("listing") },
		Seen:    func(o Object) { tell("seen %s@%s", o.Metadata.Name, o.Version()) },
		Synced:  func() { tell("synced") },
		Gone:    func(o Object) { tell("gone %s", o.Metadata.Name) },
		Trouble: func(err error) { tell("trouble %v", err) },
	})
	require.Len(t, told, want, "what was told: %q", told)
	return told
}

const list = `{"kind":"ThingList","apiVersion":"v1","metadata":{"resourceVersion":"10"},"items":[
	{"metadata":{"name":"a","resourceVersion":"3"},"spec":{"big":[1,2,{"x":null}]}},{"metadata":{"name":"b","resourceVersion":"9"}}]}`

func event(kind, name, version string) string {
	return fmt.Sprintf(`{"type":%q,"object":{"metadata":{"name":%q,"resourceVersion":%q}}}`, kind, name, version)
}

func TestFollowListsThenWatchesFromThere(t *testing.T) {
	var queries []string
	note := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			queries = append(queries, r.URL.Query().Get("watch")+"@"+r.URL.Query().Get("resourceVersion"))
			text(200, body)(w, r)
		}
	}
	client := serve(t,
		note(list),
		note(event("ADDED", "c", "11")+"\n"+event("BOOKMARK", "", "12")),
		note(event("DELETED", "a", "13")),
		note(event("MODIFIED", "b", "14")))
	told := follow(t, client, 7)
	assert.Equal(t, []string{"listing", "seen a@3", "seen b@9", "synced", "seen c@11", "gone a", "seen b@14"}, told)
	assert.Equal(t, []string{"@", "true@10", "true@12", "true@13"}, queries)
}

func TestFollowListsAgainWhenTheServerForgot(t *testing.T) {
	expired := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}`
	empty := `{"metadata":{"resourceVersion":"20"},"items":null}`
	t.Run("told in an event", func(t *testing.T) {
		client := serve(t, text(200, list), text(200, `{"type":"ERROR","object":`+expired+`}`), text(200, empty))
		assert.Equal(t, []string{"listing", "seen a@3", "seen b@9", "synced", "listing", "synced"}, follow(t, client, 6))
	})
	t.Run("told by the HTTP status", func(t *testing.T) {
		client := serve(t, text(200, list), text(410, expired), text(200, empty))
		assert.Equal(t, []string{"listing", "seen a@3", "seen b@9", "synced", "listing", "synced"}, follow(t, client, 6))
	})
}

func TestFollowTellsOfTroubleAndOfItsEnd(t *testing.T) {
	client := serve(t, text(503, "upstream is away"), text(200, list[:90]), text(200, list))
	told := follow(t, client, 8)
	assert.Equal(t, "trouble list /things: the server is currently unable to handle the request", told[0])
	assert.Equal(t, "listing", told[1])
	assert.Contains(t, told[2], "trouble list /things: unexpected EOF")
	assert.Equal(t, []string{"listing", "seen a@3", "seen b@9", "synced", "trouble <nil>"}, told[3:8])
}

func TestFollowListsAgainAfterSeveralFailures(t *testing.T) {
	away := text(503, "away")
	told := follow(t, serve(t, text(200, list), away, away, away, text(200, list)), 12)
	assert.Equal(t, []string{"listing", "seen a@3", "seen b@9", "synced", "trouble <nil>"}, told[7:])
}

func TestARefusalIsAStatusErrorWhateverTheHTTPStatus(t *testing.T) {
	failure := `{"kind":"Status","status":"Failure","message":"two budgets","code":500}`
	for name, client := range map[string]*Client{
		"in a success":   serve(t, text(201, failure)),
		"in a failure":   serve(t, text(500, failure)),
		"without a code": serve(t, text(500, strings.Replace(failure, `,"code":500`, "", 1))),
	} {
		t.Run(name, func(t *testing.T) {
			err := client.Post(t.Context(), "/things", Object{}, nil)
			var status *apierrors.StatusError
			require.ErrorAs(t, err, &status)
			assert.Equal(t, "two budgets", err.Error())
			assert.EqualValues(t, 500, status.ErrStatus.Code)
		})
	}
}

func TestATextFromAProxyIsAStatusErrorToo(t *testing.T) {
	err := serve(t, text(502, "bad gateway")).Get(t.Context(), "/things", nil)
	var status *apierrors.StatusError
	require.ErrorAs(t, err, &status)
	assert.EqualValues(t, 502, status.ErrStatus.Code)
	assert.Contains(t, err.Error(), "bad gateway")
}

func TestNoAnswerIsNoStatusError(t *testing.T) {
	client, err := New(&rest.Config{Host: "http://127.0.0.1:1"})
	require.NoError(t, err)
	err = client.Get(t.Context(), "/things", nil)
	var status *apierrors.StatusError
	require.Error(t, err)
	assert.False(t, errors.As(err, &status))
}

func TestDoSendsBodyTypeAndUserAgent(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "PATCH", r.Method)
		assert.Equal(t, "/prefix/things/a", r.URL.Path)
		assert.Equal(t, MergePatch, r.Header.Get("Content-Type"))
		assert.Equal(t, "test-agent", r.Header.Get("User-Agent"))
		text(200, `{"metadata":{"name":"a","uid":"u"}}`)(w, r)
	})
	client.base = client.base.JoinPath("prefix")
	var out Object
	require.NoError(t, client.Do(t.Context(), "PATCH", "/things/a", MergePatch, Object{}, &out))
	assert.Equal(t, "u", out.Metadata.UID)
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	for _, test := range []struct {
		access Access
		want   string
	}{
		{Access{}, `kubeconfig is "", want the path of a kubeconfig file`},
		{Access{Kubeconfig: dir + "/none"}, `kubeconfig is "` + dir + `/none", want a kubeconfig file that can be read`},
		{Access{Kubeconfig: write("empty", "")}, `want one whose current context names a cluster and a user`},
		{Access{Kubeconfig: write("bad", "{")}, `want one whose current context names a cluster and a user`},
		{Access{Kubeconfig: write("good", good), QPS: -1}, "qps is -1"},
	} {
		_, err := test.access.Config()
		assert.ErrorContains(t, err, test.want)
	}
	config, err := Access{Kubeconfig: dir + "/good", UserAgent: "k8s-framework"}.Config()
	require.NoError(t, err)
	assert.Equal(t, "http://127.0.0.1:1", config.Host)
	assert.EqualValues(t, DefaultQPS, config.RateLimiter.QPS())
	assert.Equal(t, "k8s-framework", config.UserAgent)
}

const good = `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: k, cluster: {server: "http://127.0.0.1:1"}}],
users: [{name: u, user: {token: t}}], contexts: [{name: c, context: {cluster: k, user: u}}]}`
