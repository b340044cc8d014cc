// Package api speaks to a Kubernetes API server in small pieces: one request at a time ([Client]), and streams of objects
// that stay true over cut watches and restarted servers ([Follow]).
//
// It promises:
//
//   - An answer of the server that is not a success is a *errors.StatusError of k8s.io/apimachinery, whatever its HTTP
//     status; any other error means that no answer came.
//   - A request is sent once. Nothing is retried behind the caller's back, not even when the server says Retry-After, so
//     that a caller counts its calls and sees what it waits for. Follow retries, as its contract says.
//   - Requests pass one rate limiter for each Client.
//   - Objects are decoded from JSON into the caller's own structs, a list item by item: what the caller does not name is
//     never held. That is why this is not the typed clientset: with it, the Go types of every API group are linked, registered
//     and decoded whole, which an executor of 20 MB that drains one node, and a scheduler that watches ten thousand, cannot
//     afford. A program that drains 110 pods has 17 MB resident and 12 MB of binary this way; with the clientset and the
//     library behind kubectl drain it has 68 MB and 65 MB.
//
// It does not promise that two streams, or a stream and a request, agree about time.
//
// Start reading at client.go, then follow.go.
package api
