//go:build bench

package peers_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"k8s-framework/test/bench/events"
)

// runNull is the least that can be called a scheduler: one subscription, and calls on a second connection, written as long as there
// is something to read, by HTTP's pipelining. What is answered to them is thrown away.
func runNull(answer func(frame []byte) (call []byte, err error)) func(context.Context, func(error), ...string) error {
	return func(ctx context.Context, _ func(error), masters ...string) error {
		stream, err := dial(ctx, masters[0])
		if err != nil {
			return err
		}
		out, err := dial(ctx, masters[0])
		if err != nil {
			return err
		}
		subscribe, err := calls.Subscribe(&v1.FrameworkInfo{User: "root", Name: "bench"}).Marshal()
		if err != nil {
			return err
		}
		if _, err := stream.Write(post("", subscribe)); err != nil {
			return err
		}
		response, err := http.ReadResponse(bufio.NewReaderSize(stream, 64<<10), nil)
		if err != nil {
			return err
		}
		go func() { _, _ = io.Copy(io.Discard, out) }()
		return converse(bufio.NewReaderSize(response.Body, 64<<10), bufio.NewWriterSize(out, 64<<10), answer)
	}
}

// dial makes a connection that ends with ctx.
func dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		context.AfterFunc(ctx, func() { conn.Close() })
	}
	return conn, err
}

// converse answers each frame but the first, which is SUBSCRIBED.
func converse(in *bufio.Reader, out *bufio.Writer, answer func([]byte) ([]byte, error)) error {
	var frame []byte
	for n := 0; ; n++ {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.Atoi(string(line[:len(line)-1]))
		if err != nil {
			return err
		}
		if size > cap(frame) {
			frame = make([]byte, size)
		}
		frame = frame[:size]
		if _, err := io.ReadFull(in, frame); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		call, err := answer(frame)
		if err != nil {
			return err
		}
		if _, err := out.Write(post("Mesos-Stream-Id: 1\r\n", call)); err != nil {
			return err
		}
	}
}

// post is a request.
func post(header string, body []byte) []byte {
	request := fmt.Appendf(make([]byte, 0, 200+len(body)),
		"POST /api/v1/scheduler HTTP/1.1\r\nHost: master\r\nContent-Type: application/x-protobuf\r\n%sContent-Length: %d\r\n\r\n", header, len(body))
	return append(request, body...)
}

// answer reads a frame into mesos-go's messages, and answers by them.
func answer(frame []byte) ([]byte, error) {
	var event v1sched.Event
	if err := event.Unmarshal(frame); err != nil {
		return nil, err
	}
	call := decline(&event)
	if event.Type == v1sched.Event_UPDATE {
		status := event.Update.Status
		call = calls.Acknowledge(status.AgentID.Value, status.TaskID.Value, status.UUID)
	}
	return call.With(calls.Framework(events.Framework)).Marshal()
}

// answerBlindly answers whatever comes with the same call.
func answerBlindly() func([]byte) ([]byte, error) {
	call, err := calls.Acknowledge("agent", "task", []byte("0123456789abcdef")).With(calls.Framework(events.Framework)).Marshal()
	return func([]byte) ([]byte, error) { return call, err }
}
