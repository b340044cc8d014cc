package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos/wire"
)

// all reads every frame; the error is the one that ended the reading.
func all(from io.Reader, max int) (frames []string, err error) {
	reader := wire.NewReader(from, max)
	for {
		frame, err := reader.Next()
		if err != nil {
			return frames, err
		}
		frames = append(frames, string(frame))
	}
}

func TestFramesAreReadHoweverTheyArrive(t *testing.T) {
	large := strings.Repeat("0123456789\n", 300_000) // beyond the first growth of the buffer, more than once
	text := fmt.Sprintf("5\nhello0\n3\na\nb%d\n%s007\nleading", len(large), large)
	want := []string{"hello", "", "a\nb", large, "leading"}
	for name, from := range map[string]io.Reader{
		"at once":         strings.NewReader(text),
		"byte by byte":    iotest.OneByteReader(strings.NewReader(text)),
		"by halves":       iotest.HalfReader(strings.NewReader(text)),
		"the end at once": iotest.DataErrReader(strings.NewReader(text)),
	} {
		t.Run(name, func(t *testing.T) {
			frames, err := all(from, 10<<20)
			require.ErrorIs(t, err, io.EOF)
			require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Len(t, frames, len(want))
			for i := range want {
				assert.True(t, want[i] == frames[i], "frame %d has %d bytes, want %d", i, len(frames[i]), len(want[i]))
			}
		})
	}
}

func TestAStreamThatIsCutSaysSo(t *testing.T) {
	for _, text := range []string{"1", "10\n", "10\n123456789", "5\nhello1"} {
		_, err := all(strings.NewReader(text), 100)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%q", text)
	}
	broken := errors.New("broken")
	_, err := all(io.MultiReader(strings.NewReader("10\n123"), iotest.ErrReader(broken)), 100)
	require.ErrorIs(t, err, broken)
}

func TestWhatIsNoLengthIsRefused(t *testing.T) {
	for _, text := range []string{"\n", " 5\nhello", "-1\n", "+1\na", "0x5\nhello", "5\r\nhello", strings.Repeat("1", 21) + "\n"} {
		_, err := all(strings.NewReader(text), 1<<30)
		require.ErrorIs(t, err, wire.ErrFraming, "%q", text)
	}
}

func TestAFrameBeyondTheLimitNamesItsSize(t *testing.T) {
	for _, size := range []string{"101", "18446744073709551615", "99999999999999999999"} {
		_, err := all(strings.NewReader(size+"\n"), 100)
		var large *wire.TooLarge
		require.ErrorAs(t, err, &large)
		assert.Equal(t, &wire.TooLarge{Size: size, Max: 100}, large)
		assert.ErrorContains(t, err, size+" bytes is larger than the 100 bytes")
	}
	frames, err := all(strings.NewReader("100\n"+strings.Repeat("x", 100)), 100)
	require.ErrorIs(t, err, io.EOF)
	assert.Len(t, frames, 1)
}

// A peer that announces much and sends little must not cost much.
func TestAnAnnouncedLengthIsNotBelieved(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := all(strings.NewReader("1000000000\nonly this"), 1<<30)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
}

// FuzzFrame: what is read is what was written, and what mesos-go reads, which passes empty frames over.
func FuzzFrame(f *testing.F) {
	for _, seed := range []string{"5\nhello", "0\n", "18446744073709551615\n", "3\nab", "\n", "1\n\n1\nx", "09\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, err := all(bytes.NewReader(data), 1000)
		require.Error(t, err)
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		// What was read completely is what these frames are written as, but for zeros before a length.
		var written []byte
		for _, frame := range frames {
			require.LessOrEqual(t, len(frame), 1000)
			written = fmt.Appendf(written, "%d\n%s", len(frame), frame)
		}
		require.LessOrEqual(t, len(written), len(data))
		again, _ := all(bytes.NewReader(written), 1000)
		require.Equal(t, frames, again)
		theirs := recordio.NewReader(bytes.NewReader(data))
		for _, frame := range frames {
			if frame == "" {
				continue
			}
			their, err := theirs.ReadFrame()
			require.NoError(t, err)
			require.Equal(t, frame, string(their))
		}
		_, err = theirs.ReadFrame()
		require.ErrorIs(t, err, io.EOF)
	})
}

// BenchmarkFrames reads a stream of a thousand small frames, such as status updates.
func BenchmarkFrames(b *testing.B) {
	const frames = 1000
	stream := strings.Repeat("200\n"+strings.Repeat("x", 200), frames)
	b.ReportAllocs()
	for b.Loop() {
		reader := wire.NewReader(strings.NewReader(stream), 1<<20)
		for range frames {
			if frame, err := reader.Next(); err != nil || len(frame) != 200 {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(frames*float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}
