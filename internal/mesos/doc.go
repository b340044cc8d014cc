// Package mesos speaks the Mesos v1 scheduler API: POST /api/v1/scheduler on the leading master. The master's stream becomes
// events of package scheduler, and the calls of package scheduler become HTTP requests.
//
//	client, err := mesos.New(options)
//	err = client.Run(ctx, frameworkID, deliver)   // master → us: events, until ctx ends or the master wants us no more
//	answer := client.Send(ctx, call)              // us → master: calls, in the order of the calls of Send
//	err = answer()                                // whether the master took it
//
// It promises:
//
//   - Run subscribes at the leader, follows its redirects, and subscribes again whenever the stream ends, is silent for two and
//     a half heartbeats, or another master leads. It waits at most a tenth of the outage's length and 15 seconds between two
//     attempts, and not at all when another master leads. See pace.go.
//   - Calls go to the master that holds the stream, on a connection of their own, one behind the other without waiting for answers
//     in between, each with a deadline shorter than the heartbeat watch. A call that fails is an error about that call; it does
//     not end the subscription (but see Client.Send on UpdateFramework).
//   - Nothing is acknowledged, declined or revived on its own account: every call comes from Send.
//   - Conversion loses nothing that package scheduler has a word for. What it has no word for (rescinded offers, which are
//     answered before they can be, and the outcome of operations, of which ours ask for none) is dropped and counted through
//     Options.Ignored.
//   - The roles and capabilities of the last UpdateFramework are those of every later subscription. After our own TearDown, Run
//     ends and does not subscribe again.
//   - What the master sends cannot make it panic or allocate more than a frame of Options.MaxFrame bytes needs.
//
// It does not promise that a call which was accepted (202) has any effect, nor that a failed one had none.
//
// Start reading at client.go (the loop), subscription.go (one stream), then event.go and call.go (the conversions).
package mesos
