// Package execapi speaks the Mesos v1 executor API: POST /api/v1/executor on the agent that started this process.
//
//	env, err := execapi.FromEnvironment(os.Getenv)
//	client, err := execapi.New(env, execapi.Options{})
//	err = client.Run(ctx, pending, deliver)     // agent → executor: events
//	err = client.Update(ctx, status)            // executor → agent: calls
//
// It promises:
//
//   - Run subscribes, and subscribes again for ever when the stream ends: at once if it had lasted, then with less than two
//     seconds between attempts, which is the time after which a restarted agent destroys an executor that stays away.
//     Connection refused, 404, 503 and closed connections all mean "the agent is starting"; none of them ends Run.
//   - Each attempt carries the tasks and updates that are unacknowledged at that moment: Run asks for them.
//   - Events are delivered in the order in which the agent sent them, on the goroutine that called Run.
//   - Calls go on another connection than the stream, each with a deadline.
//
// It does not promise:
//
//   - memory: what is not acknowledged is the caller's to keep, to resend, and to name when asked;
//   - that an agent which says nothing is alive. Agents send executors no heartbeat worth the name (the first after half an
//     hour), so the connection is watched by TCP and not by events;
//   - deduplication: KILL may come twice, SHUTDOWN may be the first event.
//
// Start reading at event.go (what goes in), status.go (what goes out) and client.go.
package execapi
