package zk

import (
	"testing"

	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

const manyRecords = 10_000

func BenchmarkLoad(b *testing.B) {
	l := loaded(b, Options{URL: at(server.Address(), home(b))})
	require.NoError(b, l.Save(b.Context(), manyNodes(manyRecords)))
	b.ReportAllocs()
	for b.Loop() {
		state, err := load(b.Context(), l)
		require.NoError(b, err)
		require.Len(b, state.Nodes, manyRecords)
	}
	b.ReportMetric(manyRecords*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkSaveMany saves 10,000 nodes in one call, as when as many are launched at once; the first time they are
// created.
func BenchmarkSaveMany(b *testing.B) {
	l := loaded(b, Options{URL: at(server.Address(), home(b))})
	changes := manyNodes(manyRecords)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, l.Save(b.Context(), changes))
	}
	b.ReportMetric(manyRecords*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkSaveOne(b *testing.B) {
	l := loaded(b, Options{URL: at(server.Address(), home(b))})
	for b.Loop() {
		require.NoError(b, l.Save(b.Context(), []scheduler.Change{scheduler.PutNode{Node: someNode(1)}}))
	}
}

func BenchmarkElection(b *testing.B) {
	c := open(b, Options{URL: at(server.Address(), home(b))})
	for b.Loop() {
		l, err := c.Campaign(b.Context(), "a:1")
		require.NoError(b, err)
		require.NoError(b, l.Resign(b.Context()))
	}
}

// BenchmarkHandOver is from the resignation of one leader to the election of the next, which stands already.
func BenchmarkHandOver(b *testing.B) {
	o := Options{URL: at(server.Address(), home(b))}
	leading, standing := open(b, o), open(b, o)
	l, err := leading.Campaign(b.Context(), "a:1")
	require.NoError(b, err)
	for b.Loop() {
		b.StopTimer()
		elected, next := campaign(b, standing, "b:1")
		eventually(b, "the standby stands", func() bool { return len(candidatesOf(b, standing)) == 2 })
		b.StartTimer()
		require.NoError(b, l.Resign(b.Context()))
		<-elected
		l, leading, standing = next(), standing, leading
	}
}

// BenchmarkRecord is what a node's record costs beside ZooKeeper itself: it is encoded at each save, and decoded at each start.
func BenchmarkRecord(b *testing.B) {
	node := someNode(1)
	data, err := encodeRecord(node)
	require.NoError(b, err)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := encodeRecord(node); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeNode(string(node.Name), data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
