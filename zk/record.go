package zk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"k8s-framework/scheduler"
)

// recordVersion is the version of the records that we write. It changes when a program that knows only the older one could not
// read a record, or would read something else into it.
const recordVersion = 2

// sealed is the form of a record in its znode.
type sealed[T any] struct {
	Version int `json:"version"`
	Record  T   `json:"record"`
}

func encodeRecord[T any](record T) ([]byte, error) {
	return json.Marshal(sealed[T]{recordVersion, record})
}

// decodeRecord reads a record strictly: it refuses another version, fields that it does not know, the lack of a field
// whose zero value would mean something else than "not written", and anything behind the record.
func decodeRecord[T any](data []byte, required ...string) (T, error) {
	return decodeVersion[T](recordVersion, data, required)
}

// decodeEither is decodeRecord, or reads a record of version 1 and converts it.
func decodeEither[T, Old any](data []byte, convert func(Old) T, required ...string) (T, error) {
	record, err := decodeRecord[T](data, required...)
	var other *otherVersion
	if !errors.As(err, &other) || other.version != 1 {
		return record, err
	}
	old, err := decodeVersion[Old](1, data, required)
	if err != nil {
		return record, err
	}
	return convert(old), nil
}

func decodeVersion[T any](version int, data []byte, required []string) (T, error) {
	var none T
	if len(data) == 0 {
		return none, errors.New("it is empty")
	}
	if !utf8.Valid(data) {
		return none, errors.New("it is not UTF-8 text") // of which the decoder would replace what is not
	}
	var found sealed[T]
	problem := decodeStrictly(data, &found)
	if problem == nil && found.Version == version {
		return found.Record, missing(data, required)
	}
	// Of a record of another version nothing but the version can be trusted, not even that it was to be read by our types.
	var outer sealed[json.RawMessage]
	if err := json.Unmarshal(data, &outer); err == nil && outer.Version != version {
		return none, &otherVersion{outer.Version}
	}
	return none, problem
}

// missing says which of the fields a record does not have.
func missing(data []byte, required []string) error {
	if len(required) == 0 {
		return nil
	}
	var fields sealed[map[string]json.RawMessage]
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for _, field := range required {
		if value, ok := fields.Record[field]; !ok || string(value) == "null" {
			return fmt.Errorf("record has no field %q", field)
		}
	}
	return nil
}

func decodeStrictly(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return errors.New("it is cut off")
		}
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its end")
	}
	return nil
}

func decodeMeta(data []byte) (scheduler.Meta, error) {
	same := func(old scheduler.Meta) scheduler.Meta { return old } // which had no Teardown
	meta, err := decodeEither(data, same, "frameworkID", "counter")
	if err == nil && meta.Counter < 0 {
		err = fmt.Errorf("counter is %d, want 0 or more", meta.Counter)
	}
	return meta, err
}

// decodePool reads the record of the pool with the given name.
func decodePool(name string, data []byte) (scheduler.PoolRecord, error) {
	pool, err := decodeEither(data, poolOfVersion1.pool, "nodes") // without a number of nodes it would be drained
	if err == nil && string(pool.Name) != name {
		err = fmt.Errorf("name is %q, want the znode's", pool.Name)
	}
	if err == nil {
		err = pool.Validate()
	}
	return pool, err
}

// decodeNode reads the record of the node with the given name.
func decodeNode(name string, data []byte) (scheduler.Node, error) {
	node, err := decodeEither(data, nodeOfVersion1.node)
	if err == nil && string(node.Name) != name {
		err = fmt.Errorf("name is %q, want the znode's", node.Name)
	}
	if err == nil {
		err = node.Validate()
	}
	return node, err
}
