//go:build bench

package peers_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"

	"k8s-framework/internal/local/lab"
)

func TestMain(m *testing.M) {
	switch is, err := candidacy(); {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case !is:
		os.Exit(lab.Main(m.Run))
	}
}

// peer is a scheduler that declines all offers of an event in one call, and acknowledges each update that wants it.
type peer struct {
	name  string
	media encoding.MediaType
	// run goes on until ctx ends, and tells why a subscription has ended. Any of the masters may lead.
	run func(ctx context.Context, ended func(error), masters ...string) error
}

var (
	ours        = peer{"ours", codecs.MediaTypeProtobuf, runOurs}
	mesosGo     = peer{"mesos-go", codecs.MediaTypeProtobuf, runMesosGo(codecs.MediaTypeProtobuf)}
	mesosGoJSON = peer{"mesos-go-json", codecs.MediaTypeJSON, runMesosGo(codecs.MediaTypeJSON)}
	null        = peer{"null", codecs.MediaTypeProtobuf, runNull(answer)}
	wire        = peer{"wire", codecs.MediaTypeProtobuf, runNull(answerBlindly())}
)

// start runs the scheduler until the benchmark ends.
func (p peer) start(tb testing.TB, masters ...string) { p.startTold(tb, func(error) {}, masters...) }

// startTold also tells why each subscription has ended.
func (p peer) startTold(tb testing.TB, ended func(error), masters ...string) {
	done := make(chan error, 1)
	go func() { done <- p.run(tb.Context(), ended, masters...) }()
	tb.Cleanup(func() { <-done }) // by now the context has ended, and the error says so
}
