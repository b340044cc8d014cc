package wire

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Message is a mesos-go message.
type Message interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// ReadCall reads a request's body into call, as its Content-Type says. The refusal is 400 or 415 with Mesos's words.
func ReadCall(r *http.Request, call Message) *Refusal {
	_, refusal := ReadCallRaw(r, call)
	return refusal
}

// ReadCallRaw is ReadCall that also returns the body, for a caller who looks for fields that mesos-go's message does not
// have. The body is JSON or protobuf as ContentType says.
func ReadCallRaw(r *http.Request, call Message) ([]byte, *Refusal) {
	media, refusal := ContentType(r)
	if refusal != nil {
		return nil, refusal
	}
	body, err := readBody(r)
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, fmt.Sprintf("Failed to read the body: %v", err))
	}
	if media == JSON {
		if err := UnmarshalJSON(body, call); err != nil {
			return nil, Refuse(http.StatusBadRequest, err.Error())
		}
		return body, nil
	}
	if err := call.Unmarshal(body); err != nil {
		return nil, Refuse(http.StatusBadRequest, "Failed to parse body into Call protobuf")
	}
	return body, nil
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := readAll(r)
	if err != nil || r.Header.Get("Content-Encoding") != "gzip" {
		return body, err
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// maxPromised bounds what is allocated because of a Content-Length.
const maxPromised = 1 << 20

func readAll(r *http.Request) ([]byte, error) {
	if r.ContentLength <= 0 || r.ContentLength > maxPromised {
		return io.ReadAll(r.Body)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

// Marshal encodes a message. In JSON it may be anything that MarshalJSON takes, in protobuf it must be a Message.
func (m Media) Marshal(v any) ([]byte, error) {
	if m == JSON {
		return MarshalJSON(v), nil
	}
	message, ok := v.(Message)
	if !ok {
		return nil, fmt.Errorf("%T has no protobuf form", v)
	}
	b, err := message.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return b, nil
}

// WriteMessage answers 200 with one message.
func WriteMessage(w http.ResponseWriter, m Media, v any) {
	b, err := m.Marshal(v)
	if err != nil {
		Refuse(http.StatusInternalServerError, err.Error()).Write(w)
		return
	}
	h := w.Header()
	h["Content-Type"] = []string{m.String()}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(http.StatusOK)
	w.Write(b) // the client has gone
}
