package wire

import "fmt"

// MediaType is what both sides speak: protobuf messages, one a RecordIO frame.
const MediaType = "application/x-protobuf"

// Marshaler is a message that can be sent.
type Marshaler interface{ Marshal() ([]byte, error) }

// Unmarshaler is a message that can be read.
type Unmarshaler interface{ Unmarshal([]byte) error }

// Decode reads a message. The generated code of the library's messages is of an age that panics on some malformed input; that
// is an error here, because what a peer sends must not end the process.
func Decode(data []byte, into Unmarshaler) (err error) {
	defer func() {
		if oddity := recover(); oddity != nil {
			err = fmt.Errorf("malformed message: %v", oddity)
		}
	}()
	return into.Unmarshal(data)
}
