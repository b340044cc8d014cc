package mesos

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos/wire"
	"k8s-framework/scheduler"
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

// offersFrame is an event with offers as a large cluster makes them: reserved and unreserved resources, ports, attributes, a
// domain.
func offersFrame(t testing.TB, offers int) []byte {
	t.Helper()
	role, static := pointer("workers"), v1.Resource_ReservationInfo_STATIC
	allocation := &v1.Resource_AllocationInfo{Role: role}
	scalar := func(name string, value float64, reservations ...v1.Resource_ReservationInfo) v1.Resource {
		return v1.Resource{
			Name: name, Type: v1.SCALAR.Enum(), Scalar: &v1.Value_Scalar{Value: value}, AllocationInfo: allocation,
			Reservations: reservations,
		}
	}
	reserved := v1.Resource_ReservationInfo{Type: &static, Role: role}
	said := v1sched.Event{Type: v1sched.Event_OFFERS, Offers: &v1sched.Event_Offers{}}
	for i := range offers {
		said.Offers.Offers = append(said.Offers.Offers, v1.Offer{
			ID:          v1.OfferID{Value: fmt.Sprintf("7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-O%d", i)},
			FrameworkID: v1.FrameworkID{Value: "7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-0000"},
			AgentID:     v1.AgentID{Value: fmt.Sprintf("7ec93f3e-2a3f-4f0e-9f6c-5f3c0f1b2d3e-S%d", i)},
			Hostname:    fmt.Sprintf("agent-%05d.rack-%d.example.com", i, i%40),
			URL: &v1.URL{
				Scheme:  "http",
				Address: v1.Address{Hostname: pointer("agent.example.com"), IP: pointer("10.1.2.3"), Port: 5051},
				Path:    pointer("/slave(1)"),
			},
			Domain: &v1.DomainInfo{FaultDomain: &v1.DomainInfo_FaultDomain{
				Region: v1.DomainInfo_FaultDomain_RegionInfo{Name: "region-a"},
				Zone:   v1.DomainInfo_FaultDomain_ZoneInfo{Name: "zone-1"},
			}},
			AllocationInfo: allocation,
			Resources: []v1.Resource{
				{
					Name: "ports", Type: v1.RANGES.Enum(), AllocationInfo: allocation,
					Ranges: &v1.Value_Ranges{Range: []v1.Value_Range{{Begin: 31000, End: 31999}, {Begin: 32005, End: 32005}}},
				},
				scalar("cpus", 2, reserved), scalar("mem", 1024, reserved),
				scalar("cpus", 30.5), scalar("mem", 122880), scalar("disk", 1e6),
			},
			Attributes: []v1.Attribute{
				{Name: "rack", Type: v1.TEXT, Text: &v1.Value_Text{Value: fmt.Sprintf("r%d", i%40)}},
				{Name: "os", Type: v1.TEXT, Text: &v1.Value_Text{Value: "debian-12"}},
			},
		})
	}
	frame, err := said.Marshal()
	require.NoError(t, err)
	return frame
}

// BenchmarkDecodeOffers compares reading one OFFERS frame from a stream into the core's words with mesos-go's RecordIO and
// codec, which stop at its messages.
func BenchmarkDecodeOffers(b *testing.B) {
	for _, offers := range []int{1000, 5000, 10000, 50000} {
		frame := offersFrame(b, offers)
		stream := fmt.Appendf(nil, "%d\n%s", len(frame), frame)
		report := func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(offers)*float64(b.N)/b.Elapsed().Seconds(), "offers/s")
			b.ReportMetric(float64(len(frame))/(1<<20), "MiB/frame")
		}
		b.Run(fmt.Sprintf("ours/%d", offers), func(b *testing.B) {
			for b.Loop() {
				got, err := nextEvent(wire.NewReader(bytes.NewReader(stream), DefaultMaxFrame))
				if err != nil || len(got.core.(scheduler.Offered).Offers) != offers {
					b.Fatal(err)
				}
			}
			report(b)
		})
		b.Run(fmt.Sprintf("mesos-go/%d", offers), func(b *testing.B) {
			for b.Loop() {
				var said v1sched.Event
				if err := mesosGo(stream, &said); err != nil || len(said.Offers.Offers) != offers {
					b.Fatal(err)
				}
			}
			report(b)
		})
	}
}

// mesosGo reads a frame in mesos-go's way. Beyond its own limit of 4 MiB that limit is raised, so that it can be compared at all.
func mesosGo(stream []byte, into *v1sched.Event) error {
	var limit []recordio.Opt
	if len(stream) > 4<<20 {
		limit = append(limit, recordio.MaxMessageSize(len(stream)+1))
	}
	frames := func() framing.Reader { return recordio.NewReader(bytes.NewReader(stream), limit...) }
	return codecs.ByMediaType[codecs.MediaTypeProtobuf].NewDecoder(frames).Decode(into)
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
