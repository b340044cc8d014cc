package zk

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// FuzzDecodeRecord: no input makes a decoder panic, and what one accepts means the same when it is written again.
func FuzzDecodeRecord(f *testing.F) {
	for _, record := range []any{someMeta(3).Meta, somePool("workers"), someNode(1)} {
		data, err := encodeRecord(record)
		require.NoError(f, err)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	for _, record := range []any{wholePool(), wholeNode(), scheduler.Meta{FrameworkID: "f", Teardown: scheduler.TearingDown}} {
		data, err := encodeRecord(record)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, name := range []string{"meta", "pool", "node", "draining"} {
		f.Add([]byte(recorded(f, "version1/"+name+".json")))
	}
	f.Add(epoch{Version: 1, Number: 2, Leader: "candidate-x", Address: "a:1"}.encode())
	f.Add([]byte(recorded(f, "json.info_0000000001")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if meta, err := decodeMeta(data); err == nil {
			again, err := decodeMeta(encoded(t, meta))
			require.NoError(t, err)
			assert.Equal(t, meta, again)
		}
		if pool, err := decodePool("workers", data); err == nil {
			again, err := decodePool("workers", encoded(t, pool))
			require.NoError(t, err)
			assert.JSONEq(t, string(encoded(t, pool)), string(encoded(t, again)))
		}
		if node, err := decodeNode("workers-1", data); err == nil {
			again, err := decodeNode("workers-1", encoded(t, node))
			require.NoError(t, err)
			assert.JSONEq(t, string(encoded(t, node)), string(encoded(t, again)))
		}
		if e, err := decodeEpoch(data); err == nil {
			again, err := decodeEpoch(e.encode())
			require.NoError(t, err)
			assert.Equal(t, e, again)
		}
		_, _ = decodeMaster(data)
	})
}

func encoded(t *testing.T, record any) []byte {
	t.Helper()
	data, err := encodeRecord(record)
	require.NoError(t, err)
	return data
}
