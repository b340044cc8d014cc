package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxDigits is the length of the largest 64-bit number in decimal. No honest length is longer.
const maxDigits = 20

// firstGrowth is how much of a frame is allocated before any of it has arrived. What is announced is not believed: the buffer
// grows with what came.
const firstGrowth = 1 << 20

// ErrFraming means that the peer does not send RecordIO: the stream cannot be read any further.
var ErrFraming = errors.New("the stream is no RecordIO")

// TooLarge is the error for a frame that is longer than allowed.
type TooLarge struct {
	// Size is the announced length in bytes, as it was written.
	Size string
	// Max is what is allowed, in bytes.
	Max int
}

// Error implements error.
func (e *TooLarge) Error() string {
	return fmt.Sprintf("a frame of %s bytes is larger than the %d bytes that are allowed", e.Size, e.Max)
}

// Reader reads RecordIO frames: the length in decimal, a newline, that many bytes.
type Reader struct {
	from  *bufio.Reader
	max   int
	frame []byte
}

// NewReader reads frames of at most max bytes.
func NewReader(from io.Reader, max int) *Reader {
	return &Reader{from: bufio.NewReaderSize(from, 64<<10), max: max}
}

// Next is the next frame; it is valid until the next call. At the end between two frames the error is [io.EOF]; within a frame
// it is [io.ErrUnexpectedEOF]. After any error the reader is of no further use.
func (r *Reader) Next() ([]byte, error) {
	size, err := r.length()
	if err != nil {
		return nil, err
	}
	if cap(r.frame) > 4*firstGrowth && size < cap(r.frame)/16 {
		r.frame = nil // one huge frame shall not be held for ever
	}
	r.frame = r.frame[:0]
	for len(r.frame) < size {
		if err := r.more(size); err != nil {
			return nil, err
		}
	}
	return r.frame, nil
}

// more reads on, at most until the frame has its size, and at most as much as doubles what is there.
func (r *Reader) more(size int) error {
	have := len(r.frame)
	want := min(size, max(2*have, firstGrowth))
	if cap(r.frame) < want {
		grown := make([]byte, have, want)
		copy(grown, r.frame)
		r.frame = grown
	}
	got, err := io.ReadFull(r.from, r.frame[have:want])
	r.frame = r.frame[:have+got]
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// length reads a frame's length and its newline.
func (r *Reader) length() (int, error) {
	var digits []byte
	for {
		next, err := r.from.ReadByte()
		if errors.Is(err, io.EOF) && len(digits) > 0 {
			return 0, io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		if next == '\n' && len(digits) > 0 {
			return r.parse(digits)
		}
		if next < '0' || next > '9' || len(digits) == maxDigits {
			return 0, fmt.Errorf("%w: a length was expected, got %q", ErrFraming, append(digits, next))
		}
		digits = append(digits, next)
	}
}

// parse converts a length. It stops before it could overflow.
func (r *Reader) parse(digits []byte) (int, error) {
	size := 0
	for _, digit := range digits {
		size = size*10 + int(digit-'0')
		if size > r.max {
			return 0, &TooLarge{Size: string(digits), Max: r.max}
		}
	}
	return size, nil
}
