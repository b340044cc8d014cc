package master

import (
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/flags"
)

func parse(t *testing.T, s string) resources {
	t.Helper()
	list, err := flags.ParseResources(s)
	require.NoError(t, err)
	return fromProto(list)
}

func TestResourceAlgebra(t *testing.T) {
	for _, c := range []struct{ a, b, sum, difference string }{
		{"cpus:1", "cpus:0.5", "cpus:1.5", "cpus:0.5"},
		{"cpus:1;mem:10", "cpus:1", "cpus:2; mem:10", "mem:10"},
		{"cpus:1", "cpus(r):1", "cpus:1; cpus(reservations: [(STATIC,r)]):1", "cpus:1"},
		{"ports:[1-10]", "ports:[3-4,11-12]", "ports:[1-12]", "ports:[1-2, 5-10]"},
		{"cpus:0.1", "cpus:0.2", "cpus:0.3", ""},
		{"", "cpus:1", "cpus:1", ""},
	} {
		a, b := parse(t, c.a), parse(t, c.b)
		require.Equal(t, c.sum, a.plus(b).String(), "%s + %s", c.a, c.b)
		require.Equal(t, c.difference, a.minus(b).String(), "%s - %s", c.a, c.b)
		require.Equal(t, c.a, parseBack(a), "the operands are not changed")
	}
}

func parseBack(r resources) string {
	s := ""
	for i := range r {
		if i > 0 {
			s += ";"
		}
		s += r[i].kind.Name + ":" + r[i].amount()
	}
	return s
}

// Only thousandths count: 16 of the recordings.
func TestThousandths(t *testing.T) {
	scalar := func(v float64) mesos.Resource {
		return mesos.Resource{Name: "cpus", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: v}}
	}
	for v, want := range map[float64]string{0.1234567: "cpus:0.123", 0.0104: "cpus:0.01", 0.0004: "", 0: "", 3.1990000000000003: "cpus:3.199"} {
		require.Equal(t, want, fromProto([]mesos.Resource{scalar(v)}).String())
	}
	whole := fromProto([]mesos.Resource{scalar(3.14159)})
	require.Equal(t, 3.14159, whole.proto()[0].Scalar.Value, "it is rounded once something is taken away")
	require.Equal(t, 3.14, whole.minus(parse(t, "cpus:0.002")).proto()[0].Scalar.Value)
	tenth := fromProto([]mesos.Resource{scalar(0.1)})
	var sum resources
	for range 10 {
		sum = sum.plus(tenth)
	}
	require.True(t, parse(t, "cpus:1").contains(sum))
	require.True(t, sum.contains(parse(t, "cpus:1")))
	require.Equal(t, "Resource 'cpus:0' is invalid: Invalid scalar resource: value <= 0", invalidResource([]mesos.Resource{scalar(0.0004)}))
	require.Equal(t, "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0", invalidResource([]mesos.Resource{scalar(-1)}))
	require.Empty(t, invalidResource([]mesos.Resource{scalar(0)}))
}

func TestContains(t *testing.T) {
	offered := parse(t, "cpus:4;mem:1024;ports:[31000-31009];cpus(r):1")
	for s, want := range map[string]bool{
		"cpus:4": true, "cpus:4.001": false, "ports:[31002-31003]": true, "ports:[80-80]": false, "ports:[31005-31010]": false,
		"cpus(r):1;cpus:4": true, "cpus(r):2": false, "cpus(s):0.1": false, "gpus:1": false, "": true,
	} {
		require.Equal(t, want, offered.contains(parse(t, s)), s)
	}
	require.False(t, offered.allocated("a").contains(parse(t, "cpus:1").allocated("b")))
}

// 09 of the recordings: n1 is used up, and the two last take its place.
func TestOrderOfWhatIsLeft(t *testing.T) {
	total := parse(t, "cpus:1;mem:1;cpus(n1):1;mem(n1):1;cpus(n2):1;mem(n2):1;cpus(n3):1;mem(n3):1")
	left := total.minus(parse(t, "cpus(n1):1;mem(n1):1;cpus:0.5"))
	require.Equal(t, "cpus:0.5; mem:1; "+parse(t, "cpus(n3):1;mem(n3):1;cpus(n2):1;mem(n2):1").String(), left.inOrderOf(total).String())
}

func TestOlderFormat(t *testing.T) {
	old := olderFormat(parse(t, "cpus(workers):2;mem:3").proto())
	require.Equal(t, "workers", *old[0].Role)
	require.Nil(t, old[0].Reservation, "a static reservation is the role alone")
	require.Equal(t, "*", *old[1].Role)
	require.Equal(t, parse(t, "cpus(workers):2;mem:3").String(), fromProto(old).String(), "and back")
}
