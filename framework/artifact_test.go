package framework

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilesAreServedUnderTheirSum(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k8s-executor")
	require.NoError(t, os.WriteFile(file, []byte("program"), 0o755))
	files := artifacts{}
	defer files.close()
	uri, err := files.offer("serve:"+file, "h:10260")
	require.NoError(t, err)
	again, err := files.offer("serve:"+file, "h:10260")
	require.NoError(t, err)
	require.Equal(t, uri, again)
	address, digest, found := strings.Cut(uri, "#sha256=")
	require.True(t, found)
	require.Equal(t, "http://h:10260/artifacts/"+digest, address)

	for _, other := range []string{"/usr/local/bin/k8s-executor", "https://h/k#sha256=" + digest} {
		same, err := files.offer(other, "h:10260")
		require.NoError(t, err)
		require.Equal(t, other, same)
	}
	_, err = files.offer("serve:/none", "h:10260")
	require.ErrorContains(t, err, "/none")

	// A new version on the disk, as an upgrade puts it there.
	require.NoError(t, os.Rename(file, file+".old"))
	require.NoError(t, os.WriteFile(file, []byte("another"), 0o755))
	server := httptest.NewServer((&operatorAPI{artifacts: files}).handler())
	defer server.Close()
	answer, err := http.Get(server.URL + "/artifacts/" + digest)
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, "program", string(text))
	require.Equal(t, http.StatusOK, answer.StatusCode)
	for path, status := range map[string]int{
		"/artifacts/" + digest: http.StatusOK, "/artifacts/" + digest[1:]: http.StatusNotFound, "/artifacts/": http.StatusNotFound,
	} {
		answer, err := http.Head(server.URL + path)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, status, answer.StatusCode, path)
	}
}
