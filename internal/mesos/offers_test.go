package mesos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"k8s-framework/internal/mesos/wire"
	"k8s-framework/scheduler"
	"k8s-framework/test/bench/events"
)

// recordedOffers are the frames of the OFFERS events in testdata.
func recordedOffers(t testing.TB) [][]byte {
	t.Helper()
	return slices.DeleteFunc(recorded(t), func(frame []byte) bool { return !isOffers(frame) })
}

func TestBothWaysOfReadingOffersAgree(t *testing.T) {
	frames := recordedOffers(t)
	require.Greater(t, len(frames), 10)
	for _, frame := range append(frames, offersFrame(t, 100)) {
		requireAgreement(t, frame)
	}
}

// requireAgreement compares decodeOffers with mesos-go's messages.
func requireAgreement(t *testing.T, frame []byte) {
	t.Helper()
	var said v1sched.Event
	require.NoError(t, said.Unmarshal(frame))
	direct, err := decodeOffers(frame)
	require.NoError(t, err)
	require.Equal(t, fromOffers(said.Offers), direct)
}

func TestOffersWhoseTypeIsNotTheirFirstFieldAreReadToo(t *testing.T) {
	frame := offersFrame(t, 3)
	reordered := append(bytes.Clone(frame[2:]), frame[:2]...)
	require.False(t, isOffers(reordered))
	want, err := decodeEvent(frame)
	require.NoError(t, err)
	got, err := decodeEvent(reordered)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// Only ports are of use: other ranges and sets count as nothing, and so does what is called ports and is not ranges.
func TestOnlyRangesOfPortsAreRead(t *testing.T) {
	frame := frameOf(t, `{"type":"OFFERS","offers":{"offers":[{"id":{"value":"O"},"framework_id":{"value":"F"},
	  "agent_id":{"value":"A"},"hostname":"h","resources":[
	  {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":31999},{"begin":32005,"end":32005}]}},
	  {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":80,"end":80}]},"reservations":[{"type":"DYNAMIC","role":"r"}]},
	  {"name":"ports","type":"RANGES"},
	  {"name":"ports","type":"SET","set":{"item":["80"]}},
	  {"name":"vlans","type":"RANGES","ranges":{"range":[{"begin":1,"end":9}]}},
	  {"name":"disks","type":"SET","set":{"item":["sda","sdb"]}}]}]}}`)
	requireAgreement(t, frame)
	offers, err := decodeOffers(frame)
	require.NoError(t, err)
	var read []string
	for _, resource := range offers[0].Resources {
		read = append(read, fmt.Sprintf("%s %s %s", resource.Name, resource.Amount, resource.Ranges))
	}
	assert.Equal(t, []string{"ports 0 31000-31999,32005", "ports 0 80", "ports 0 ", "ports 0 ", "vlans 0 ", "disks 0 "}, read)
}

func TestMalformedOffersAreErrors(t *testing.T) {
	frame := offersFrame(t, 1)
	failed := 0
	for cut := 3; cut < len(frame); cut++ {
		if _, err := decodeOffers(frame[:cut]); err != nil {
			failed++
		}
	}
	assert.Equal(t, len(frame)-3, failed, "a frame that is cut anywhere is malformed")
	_, err := decodeEvent([]byte("\x08\x02\x1a\x05\x0a\x03\x0a\x01x"))
	require.ErrorContains(t, err, "OFFERS: offer 1: malformed message")
	_, err = decodeEvent([]byte("\x08\x02\x1a\x04\x0a\x02\x0a\x00"))
	require.ErrorContains(t, err, "offer 1: malformed message: an offer without id, agent or host name")
}

// FuzzOffers: no frame makes decoding panic, and what mesos-go reads of one, once it is written as Mesos writes it, is read the same
// directly. With fields that are unknown, doubled or out of order the two need not agree.
func FuzzOffers(f *testing.F) {
	for _, text := range []string{"\x08\x02", "\x08\x02\x1a\x00", "\x08\x02\x1a\x02\x0a\x00"} {
		f.Add([]byte(text))
	}
	f.Add(offersFrame(f, 2))
	for _, frame := range recordedOffers(f) {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		_, _ = decodeOffers(frame)
		var said v1sched.Event
		if wire.Decode(frame, &said) != nil || said.Type != v1sched.Event_OFFERS {
			return
		}
		canonical, err := said.Marshal()
		require.NoError(t, err)
		direct, err := decodeOffers(canonical)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(fromOffers(said.Offers)), fmt.Sprint(direct))
	})
}

// offersFrame is an OFFERS event of a large cluster.
func offersFrame(t testing.TB, offers int) []byte {
	t.Helper()
	frame, err := events.Offers(offers).Marshal()
	require.NoError(t, err)
	return frame
}

// BenchmarkDecodeOffers compares reading OFFERS frames from a stream, one after the other, into the core's words with mesos-go's
// RecordIO and codecs, which stop at its messages. JSON is the same event in another frame.
func BenchmarkDecodeOffers(b *testing.B) {
	for _, offers := range []int{1000, 5000, 10000, 50000} {
		for _, each := range []struct {
			who   string
			frame func(testing.TB, int) []byte
			reads func(stream io.Reader, frame int) (next func() (offers int, err error))
		}{
			{"ours", offersFrame, oursReads},
			{"mesos-go", offersFrame, mesosGoReads(codecs.MediaTypeProtobuf)},
			{"mesos-go-json", offersInJSON, mesosGoReads(codecs.MediaTypeJSON)},
		} {
			b.Run(fmt.Sprintf("who=%s/offers=%d", each.who, offers), func(b *testing.B) {
				frame := each.frame(b, offers)
				next := each.reads(&endless{text: fmt.Appendf(nil, "%d\n%s", len(frame), frame)}, len(frame))
				b.ReportAllocs()
				for b.Loop() {
					if got, err := next(); err != nil || got != offers {
						b.Fatal(got, err)
					}
				}
				b.ReportMetric(float64(offers)*float64(b.N)/b.Elapsed().Seconds(), "offers/s")
			})
		}
	}
}

// offersInJSON is the same event in JSON.
func offersInJSON(t testing.TB, offers int) []byte {
	var said v1sched.Event
	require.NoError(t, said.Unmarshal(offersFrame(t, offers)))
	text, err := json.Marshal(&said)
	require.NoError(t, err)
	return text
}

// endless repeats a text for ever.
type endless struct {
	text []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

func oursReads(stream io.Reader, _ int) func() (offers int, err error) {
	frames := wire.NewReader(stream, DefaultMaxFrame)
	return func() (int, error) {
		got, err := nextEvent(frames)
		if err != nil {
			return 0, err
		}
		return len(got.core.(scheduler.Offered).Offers), nil
	}
}

// mesosGoReads reads frames in mesos-go's way. Beyond its own limit of 4 MiB that limit is raised, so that it can be compared
// at all.
func mesosGoReads(media encoding.MediaType) func(stream io.Reader, frame int) func() (offers int, err error) {
	return func(stream io.Reader, frame int) func() (int, error) {
		var limit []recordio.Opt
		if frame >= 4<<20 {
			limit = append(limit, recordio.MaxMessageSize(frame+1))
		}
		decoder := codecs.ByMediaType[media].NewDecoder(func() framing.Reader { return recordio.NewReader(stream, limit...) })
		return func() (int, error) {
			var said v1sched.Event
			err := decoder.Decode(&said)
			return len(said.GetOffers().GetOffers()), err
		}
	}
}

func TestAnAgentsAddressIsThatOfItsURL(t *testing.T) {
	for _, each := range []struct{ ip, hostname, want string }{
		{"10.1.2.3", "agent.example", "10.1.2.3"},
		{"", "10.1.2.3", "10.1.2.3"},
		{"", "agent.example", ""},
		{"::FFFF:10.1.2.3", "agent.example", "10.1.2.3"},
		{"FD00:0::1", "agent.example", "fd00::1"},
		{"ten", "agent.example", ""},
	} {
		assert.Equal(t, each.want, address(each.ip, each.hostname), "%+v", each)
	}
}

// FuzzScan compares our walk over a message with protowire's.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{"", "\x0a\x00", "\x0a\x01x\x10\x05", "\x0a\x81\x00", "\x0a\x02x", "\x09\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x02\x01x", "\x0d\x01\x02\x03\x04"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		s, rest := scan{rest: message}, message
		for len(rest) > 0 {
			field, kind, size := protowire.ConsumeField(rest)
			if size < 0 {
				break
			}
			require.True(t, s.next(), "%x", rest)
			require.Equal(t, field, s.field)
			_, _, tag := protowire.ConsumeTag(rest)
			if bytes, length := protowire.ConsumeBytes(rest[tag:size]); kind == protowire.BytesType && length >= 0 {
				require.Equal(t, bytes, s.bytes)
			} else {
				require.Nil(t, s.bytes)
			}
			rest = rest[size:]
			require.Equal(t, rest, s.rest)
		}
		require.False(t, s.next())
		require.Equal(t, len(rest) > 0, s.err != nil)
	})
}
