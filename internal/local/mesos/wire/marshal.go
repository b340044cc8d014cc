package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// MarshalJSON encodes as Mesos does: a message (a struct with protobuf tags, or a pointer to one), or maps and slices
// around messages, for answers with fields that mesos-go's messages do not have. A type that is none of these is our bug
// and panics.
func MarshalJSON(v any) []byte {
	return appendValue(nil, reflect.ValueOf(v))
}

// Object is a JSON object of things that MarshalJSON takes.
type Object = map[string]any

func appendValue(b []byte, v reflect.Value) []byte {
	if !v.IsValid() {
		return append(b, "null"...)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(b, "null"...)
		}
		return appendValue(b, v.Elem())
	case reflect.Struct:
		return appendMessage(b, v)
	case reflect.Map:
		return appendMap(b, v)
	case reflect.Slice:
		return appendSlice(b, v)
	case reflect.String:
		return appendString(b, v.String())
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		if name, ok := v.Interface().(fmt.Stringer); ok && v.Kind() == reflect.Int32 {
			return appendString(b, enumName(v, name))
		}
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint32, reflect.Uint64, reflect.Uint8:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float64, reflect.Float32:
		return appendFloat(b, v.Float())
	}
	panic(fmt.Sprintf("wire: %s has no JSON form", v.Type()))
}

func appendMessage(b []byte, v reflect.Value) []byte {
	if !v.CanAddr() { // a copy whose fields can be looked at without boxing each
		addressable := reflect.New(v.Type()).Elem()
		addressable.Set(v)
		v = addressable
	}
	m := known.of(v.Type())
	b = append(b, '{')
	first := true
	for i := range m.fields {
		f := &m.fields[i]
		fv := v.Field(f.index)
		if isAbsent(fv, f) && !f.hasDef {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendString(b, f.name)
		b = append(b, ':')
		if isAbsent(fv, f) {
			b = appendDefault(b, fv.Type().Elem(), f)
			continue
		}
		b = appendValue(b, fv)
	}
	return append(b, '}')
}

// isAbsent says that a field is not set. A field that is not a pointer is always there, except an empty list.
func isAbsent(v reflect.Value, f *field) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil()
	case reflect.Slice:
		if f.repeated {
			return v.Len() == 0
		}
		return v.IsNil()
	case reflect.Map:
		return v.Len() == 0
	}
	return false
}

// appendDefault writes the declared default of a field that is not set, as Mesos does.
func appendDefault(b []byte, t reflect.Type, f *field) []byte {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(f.def == "1")
	case reflect.Int32, reflect.Int64:
		n, _ := strconv.ParseInt(f.def, 10, 64)
		v.SetInt(n)
	case reflect.Uint32, reflect.Uint64:
		n, _ := strconv.ParseUint(f.def, 10, 64)
		v.SetUint(n)
	case reflect.Float64:
		n, _ := strconv.ParseFloat(f.def, 64)
		v.SetFloat(n)
	case reflect.String:
		v.SetString(f.def)
	}
	return appendValue(b, v)
}

func appendMap(b []byte, v reflect.Value) []byte {
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	sort.Strings(keys)
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, k)
		b = append(b, ':')
		b = appendValue(b, v.MapIndex(reflect.ValueOf(k)))
	}
	return append(b, '}')
}

func appendSlice(b []byte, v reflect.Value) []byte {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if raw, ok := v.Interface().(json.RawMessage); ok {
			return append(b, raw...)
		}
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	}
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v.Index(i))
	}
	return append(b, ']')
}

// appendFloat writes a number as Mesos does: 15 digits, and always with a point or an exponent.
func appendFloat(b []byte, f float64) []byte {
	switch { // as text, for JSON has no numbers for them
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	s := strconv.FormatFloat(f, 'g', 15, 64)
	if shortest := strconv.FormatFloat(f, 'f', -1, 64); len(shortest) <= 17 {
		s = shortest
	}
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return append(b, s...)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x80 {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(fmt.Sprintf("wire: string %q: %v", s, err)) // json.Marshal takes every string
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
