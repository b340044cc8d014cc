package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// maxUnread bounds how many events wait for a client that does not read its stream; beyond it the stream is ended.
const maxUnread = 1 << 20

// Stream is one event stream (RecordIO: the length in decimal, a newline, the record). Send may be called from any
// goroutine and never blocks; Serve runs in the handler of the request and does the writing.
type Stream struct {
	// Written, where it is set before Serve, hears how many bytes of records have been handed to the kernel.
	Written func(bytes int)

	media  Media
	wake   chan struct{}
	buffer []byte // of the last record

	mu    sync.Mutex
	queue []any
	ended bool // no more records; the handler returns after those that are queued
	lost  bool // nobody reads any more
}

// NewStream makes a stream for a client that accepts the media type.
func NewStream(m Media) *Stream {
	return &Stream{media: m, wake: make(chan struct{}, 1)}
}

// Media is the encoding of the stream's records.
func (s *Stream) Media() Media { return s.media }

// Send queues one event: a pointer to a message, which the caller does not touch any more, for it is encoded when it is
// written (an OFFERS event of a large cluster takes long, and the sender has other things to do). Events that are sent
// after End, or after the client has gone, are dropped.
func (s *Stream) Send(event any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.lost {
		return
	}
	if len(s.queue) == maxUnread {
		s.lost, s.queue = true, nil
	} else {
		s.queue = append(s.queue, event)
	}
	s.poke()
}

// keptRecord bounds the buffer that a stream keeps for its records.
const keptRecord = 64 << 10

// record encodes one event with its length in front. It is good until the next one.
func (s *Stream) record(event any) ([]byte, error) {
	if message, ok := event.(sized); ok && s.media == Protobuf {
		n := message.Size()
		record := append(strconv.AppendInt(s.buffer[:0], int64(n), 10), '\n')
		start := len(record)
		record = slices.Grow(record, n)[:start+n]
		if _, err := message.MarshalTo(record[start:]); err != nil {
			return nil, fmt.Errorf("encode %T: %w", event, err)
		}
		if cap(record) <= keptRecord {
			s.buffer = record
		}
		return record, nil
	}
	body, err := s.media.Marshal(event)
	if err != nil {
		return nil, err
	}
	record := make([]byte, 0, len(body)+12)
	record = strconv.AppendInt(record, int64(len(body)), 10)
	record = append(record, '\n')
	return append(record, body...), nil
}

// sized is a mesos-go message that can be encoded behind its length.
type sized interface {
	Size() int
	MarshalTo([]byte) (int, error)
}

// End ends the stream after what was sent before: the client sees the last chunk, and its connection stays open.
func (s *Stream) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.poke()
}

func (s *Stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next returns what is to be written and whether that is all.
func (s *Stream) next() (events []any, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, s.queue = s.queue, nil
	return events, s.ended || s.lost
}

// Serve answers 200 with the headers that are set already, and writes records, one in a chunk, until End or until the
// client goes away (ctx is the request's). It returns whether the stream was ended by us.
func (s *Stream) Serve(ctx context.Context, w http.ResponseWriter) (ended bool) {
	w.Header()["Content-Type"] = []string{s.media.String()}
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w)
	if flush.Flush() != nil {
		return s.lose()
	}
	for {
		events, last := s.next()
		if len(events) > 0 && s.writeAll(bottleOf(ctx), w, flush, events) != nil {
			return s.lose()
		}
		if last {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.ended
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return s.lose()
		}
	}
}

// writeAll writes records, each in a chunk of its own, and hands them to the kernel together where it can.
func (s *Stream) writeAll(b *bottle, w io.Writer, flush *http.ResponseController, events []any) error {
	b.cork()
	bytes := 0
	for _, event := range events {
		record, err := s.record(event)
		if err == nil {
			_, err = w.Write(record)
		}
		if err == nil {
			err = flush.Flush()
		}
		if err != nil {
			return err
		}
		bytes += len(record)
	}
	if err := b.uncork(); err != nil {
		return err
	}
	if s.Written != nil {
		s.Written(bytes)
	}
	return nil
}

func (s *Stream) lose() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost, s.queue = true, nil
	return s.ended
}
