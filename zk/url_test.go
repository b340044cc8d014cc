package zk

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]URL{
		"zk://a:1/x":                    {Servers: []string{"a:1"}, Path: "/x"},
		"zk://a/x":                      {Servers: []string{"a:2181"}, Path: "/x"},
		"zk://a:1,b:2,10.0.0.1:3/x/y.z": {Servers: []string{"a:1", "b:2", "10.0.0.1:3"}, Path: "/x/y.z"},
		"zk://[fd00::1]:1,[fd00::2]/x":  {Servers: []string{"[fd00::1]:1", "[fd00::2]:2181"}, Path: "/x"},
		"zk://u:p@a:1/x":                {Servers: []string{"a:1"}, Path: "/x", User: "u", Password: "p"},
		"zk://u:p:q/r@s%40@a:1/x":       {Servers: []string{"a:1"}, Path: "/x", User: "u", Password: "p:q/r@s%40"},
	} {
		got, err := ParseURL(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for text, problem := range map[string]string{
		"":                       "want it to begin with zk://",
		"http://a:1/x":           "want it to begin with zk://",
		"a:1/x":                  "want it to begin with zk://",
		"zk://a:1":               "want a path such as /k8s-framework",
		"zk://a:1/":              "want a path such as /k8s-framework",
		"zk://a:1//x":            `path is "//x", want names between single slashes`,
		"zk://a:1/x/":            `path is "/x/"`,
		"zk://a:1/x/../y":        `path is "/x/../y"`,
		"zk://a:1/x\x00":         `path is "/x\x00"`,
		"zk:///x":                `server is "", want host:port`,
		"zk://a:1,/x":            `server is "", want host:port`,
		"zk://:1/x":              `server is ":1", want host:port`,
		"zk://a:0/x":             `port of server "a:0" is "0", want 1 to 65535`,
		"zk://a:65536/x":         `want 1 to 65535`,
		"zk://a:http/x":          `want 1 to 65535`,
		"zk://fd00::1/x":         `server is "fd00::1"`,
		"zk://a b:1/x":           `server is "a b:1"`,
		"zk://secret@a:1/x":      "want user:password before the @",
		"zk://:secret@a:1/x":     "want user:password before the @",
		"zk://secret:@a:1/x":     "want user:password before the @",
		"zk://u:secret@a:b:1/x":  `server is "a:b:1"`,
		"zk//u:secret@a:1/x":     "want it to begin with zk://",
		"zk://u:secret/@x@a:1//": `path is "//"`,
	} {
		_, err := ParseURL(text)
		require.Error(t, err, text)
		assert.ErrorContains(t, err, problem, text)
		assert.ErrorContains(t, err, "the form is zk://", text)
		assert.NotContains(t, err.Error(), "secret", text)
	}
}

func TestURLHidesItsPassword(t *testing.T) {
	t.Parallel()
	u, err := ParseURL("zk://u:secret@a:1,b:2/x")
	require.NoError(t, err)
	assert.Equal(t, "zk://u:…@a:1,b:2/x", u.String())
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"zk://u:p@a:1,b/x", "zk://[::1]:1/x", "zk://a/../b", "zk://@/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text)
		if err != nil {
			if at := strings.LastIndexByte(text, '@'); at >= 0 && strings.HasPrefix(text, "zk://") && at > len("zk://")+8 {
				assert.NotContains(t, err.Error(), text[len("zk://"):at])
			}
			return
		}
		credentials := ""
		if u.User != "" {
			credentials = u.User + ":" + u.Password + "@"
		}
		again, err := ParseURL("zk://" + credentials + strings.Join(u.Servers, ",") + u.Path)
		require.NoError(t, err)
		assert.Equal(t, u, again)
	})
}
