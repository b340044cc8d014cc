package wire

import (
	"net/http"
	"strconv"
	"strings"
)

// Media is the encoding of a body.
type Media int

const (
	JSON Media = iota
	Protobuf
)

// The media types of the v1 APIs.
const (
	TypeJSON     = "application/json"
	TypeProtobuf = "application/x-protobuf"
	typeText     = "text/plain; charset=utf-8"
)

// String is the media type.
func (m Media) String() string {
	if m == Protobuf {
		return TypeProtobuf
	}
	return TypeJSON
}

// ContentType is the encoding of a request's body. The header must be there and equal one of the two types exactly:
// "application/json; charset=utf-8" is refused with 415.
func ContentType(r *http.Request) (Media, *Refusal) {
	switch r.Header.Get("Content-Type") {
	case "":
		return JSON, Refuse(http.StatusBadRequest, "Expecting 'Content-Type' to be present")
	case TypeJSON:
		return JSON, nil
	case TypeProtobuf:
		return Protobuf, nil
	}
	return JSON, Refuse(http.StatusUnsupportedMediaType,
		"Expecting 'Content-Type' of "+TypeJSON+" or "+TypeProtobuf)
}

// Accept is the encoding in which the client wants the answer: JSON where it is allowed (also when nothing is said), else
// protobuf, else 406.
func Accept(r *http.Request) (Media, *Refusal) {
	accept := r.Header.Values("Accept")
	if len(accept) == 0 {
		return JSON, nil
	}
	ranges := strings.Join(accept, ",")
	if allows(ranges, TypeJSON) {
		return JSON, nil
	}
	if allows(ranges, TypeProtobuf) {
		return Protobuf, nil
	}
	return JSON, Refuse(http.StatusNotAcceptable,
		"Expecting 'Accept' to allow '"+TypeProtobuf+"' or '"+TypeJSON+"'")
}

// allows says whether one of the media ranges of an Accept header covers the type. A quality of 0 excludes.
func allows(ranges, mediaType string) bool {
	major, _, _ := strings.Cut(mediaType, "/")
	for part := range strings.SplitSeq(ranges, ",") {
		name, params, _ := strings.Cut(part, ";")
		name = strings.TrimSpace(name)
		if name != mediaType && name != "*/*" && name != major+"/*" {
			continue
		}
		_, q, found := strings.Cut(params, "q=")
		if quality, err := strconv.ParseFloat(strings.TrimSpace(q), 64); !found || err != nil || quality > 0 {
			return true
		}
	}
	return false
}
