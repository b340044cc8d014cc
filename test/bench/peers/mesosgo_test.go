//go:build bench

package peers_test

import (
	"context"
	"sync/atomic"
	"time"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/backoff"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/callrules"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/controller"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/eventrules"
	"github.com/mesos/mesos-go/api/v1/lib/extras/store"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpsched"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/events"
)

// runMesosGo puts mesos-go together as its example-scheduler does, with that one's options, but without its logs and metrics. Where
// there are several masters they are asked in turn.
func runMesosGo(media encoding.MediaType) func(context.Context, func(error), ...string) error {
	return func(ctx context.Context, ended func(error), masters ...string) error {
		return runController(ctx, media, ended, masters)
	}
}

func runController(ctx context.Context, media encoding.MediaType, ended func(error), masters []string) error {
	var asked atomic.Uint64
	next := func() string {
		return "http://" + masters[asked.Add(1)%uint64(len(masters))] + "/api/v1/scheduler"
	}
	id := store.NewInMemorySingleton()
	caller := callrules.New(callrules.WithFrameworkID(store.GetIgnoreErrors(id))).Caller(httpsched.NewCaller(
		httpcli.New(
			httpcli.Endpoint("http://"+masters[0]+"/api/v1/scheduler"),
			httpcli.Codec(codecs.ByMediaType[media]),
			httpcli.Do(httpcli.With(httpcli.Timeout(20*time.Second))),
		),
		httpsched.EndpointCandidates(next),
	))
	failover := time.Hour
	return controller.Run(ctx,
		&v1.FrameworkInfo{User: "root", Name: "bench", FailoverTimeout: pointer(failover.Seconds())},
		caller,
		controller.WithFrameworkID(store.GetIgnoreErrors(id)),
		controller.WithRegistrationTokens(backoff.Notifier(time.Second, 15*time.Second, ctx.Done())),
		controller.WithSubscriptionTerminated(ended),
		controller.WithEventHandler(eventrules.New(controller.LiftErrors().DropOnError()).Handle(events.Handlers{
			v1sched.Event_SUBSCRIBED: eventrules.New(controller.TrackSubscription(id, failover)),
			v1sched.Event_UPDATE:     controller.AckStatusUpdates(caller),
			v1sched.Event_OFFERS: events.HandlerFunc(func(ctx context.Context, event *v1sched.Event) error {
				return calls.CallNoData(ctx, caller, decline(event))
			}),
		})),
	)
}

// decline declines all offers of an event.
func decline(event *v1sched.Event) *v1sched.Call {
	offers := event.GetOffers().GetOffers()
	ids := make([]v1.OfferID, len(offers))
	for i := range offers {
		ids[i] = offers[i].ID
	}
	return calls.Decline(ids...)
}

func pointer[T any](value T) *T { return &value }
