package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// UnmarshalJSON reads a call as Mesos does and says in Mesos's words what is wrong with it. call points to a message.
func UnmarshalJSON(data []byte, call any) error {
	value, err := parseJSON(data)
	if err != nil {
		return fmt.Errorf("Failed to parse body into JSON: %w", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return errors.New("Failed to convert JSON into Call protobuf: Expecting a JSON object")
	}
	missing, err := setMessage(reflect.ValueOf(call).Elem(), object, "")
	if err == nil && len(missing) > 0 {
		err = errors.New("Missing required fields: " + strings.Join(missing, ", "))
	}
	if err != nil {
		return fmt.Errorf("Failed to convert JSON into Call protobuf: %w", err)
	}
	return nil
}

// parseJSON parses one JSON value; the error tells the line and the rest of it from where it went wrong.
func parseJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value any
	err := d.Decode(&value)
	if err == nil {
		rest := bytes.TrimLeft(data[d.InputOffset():], " \t\r\n")
		if len(rest) == 0 {
			return value, nil
		}
		return nil, syntaxError(data, len(data)-len(rest))
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return nil, syntaxError(data, int(syntax.Offset)-1)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, syntaxError(data, len(data))
	}
	return nil, err
}

func syntaxError(data []byte, offset int) error {
	offset = max(0, min(offset, len(data)))
	line := 1 + bytes.Count(data[:offset], []byte("\n"))
	rest, _, _ := bytes.Cut(data[offset:], []byte("\n"))
	return fmt.Errorf("syntax error at line %d near: %s", line, rest)
}

// setMessage sets a message's fields from an object and returns the paths of the required fields that are missing.
func setMessage(v reflect.Value, object map[string]any, path string) ([]string, error) {
	m := known.of(v.Type())
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Strings(names)
	set := map[string]bool{}
	below := map[int][]string{} // by field number
	for _, name := range names {
		f := m.byName[name]
		if f == nil || object[name] == nil {
			continue
		}
		missing, err := setField(v.Field(f.index), object[name], f, path+name)
		if err != nil {
			return nil, err
		}
		set[name] = true
		below[f.number] = missing
	}
	var missing []string
	for _, f := range m.fields {
		if f.required && !set[f.name] {
			missing = append(missing, path+f.name)
		}
	}
	numbers := make([]int, 0, len(below))
	for n := range below {
		numbers = append(numbers, n)
	}
	sort.Ints(numbers)
	for _, n := range numbers {
		missing = append(missing, below[n]...)
	}
	return missing, nil
}

// setField sets one field, a list of values or a map.
func setField(v reflect.Value, value any, f *field, path string) ([]string, error) {
	list, isList := value.([]any)
	if isList && !f.repeated {
		return nil, notExpecting("array", f)
	}
	if v.Kind() == reflect.Map {
		return setMap(v, value, f, path)
	}
	if !f.repeated {
		return setSingle(v, value, f, path)
	}
	if !isList {
		list = []any{value} // Mesos takes a single value for a list of one
	}
	var missing []string
	for i, entry := range list {
		element := reflect.New(v.Type().Elem()).Elem()
		below, err := setSingle(element, entry, f, path+"["+strconv.Itoa(i)+"]")
		if err != nil {
			return nil, err
		}
		missing = append(missing, below...)
		v.Set(reflect.Append(v, element))
	}
	return missing, nil
}

func setMap(v reflect.Value, value any, f *field, path string) ([]string, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("Not expecting a JSON value for field '%s'", f.name)
	}
	var missing []string
	m := reflect.MakeMap(v.Type())
	for key, entry := range object {
		element := reflect.New(v.Type().Elem()).Elem()
		below, err := setSingle(element, entry, f, path+"["+key+"].value")
		if err != nil {
			return nil, err
		}
		missing = append(missing, below...)
		m.SetMapIndex(reflect.ValueOf(key), element)
	}
	sort.Strings(missing)
	v.Set(m)
	return missing, nil
}

// setSingle sets one value, making the pointer to it where there is one.
func setSingle(v reflect.Value, value any, f *field, path string) ([]string, error) {
	if v.Kind() == reflect.Pointer {
		pointer := reflect.New(v.Type().Elem())
		missing, err := setSingle(pointer.Elem(), value, f, path)
		if err == nil && !discarded(value, f) {
			v.Set(pointer)
		}
		return missing, err
	}
	switch value := value.(type) {
	case string:
		return nil, setString(v, value, f)
	case json.Number:
		return nil, setNumber(v, value, f)
	case bool:
		if v.Kind() != reflect.Bool {
			return nil, notExpecting("boolean", f)
		}
		v.SetBool(value)
		return nil, nil
	case map[string]any:
		if v.Kind() != reflect.Struct {
			return nil, notExpecting("object", f)
		}
		return setMessage(v, value, path+".")
	case []any:
		return nil, notExpecting("array", f)
	}
	return nil, nil
}

// discarded says that the value is an enum's name that is not known: Mesos leaves the field unset.
func discarded(value any, f *field) bool {
	name, ok := value.(string)
	if !ok || f.enum == "" {
		return false
	}
	_, ok = enumValue(f.enum, name)
	return !ok
}

func setString(v reflect.Value, s string, f *field) error {
	switch {
	case f.enum != "":
		n, ok := enumValue(f.enum, s)
		if !ok && f.required {
			return fmt.Errorf("Failed to find enum for '%s'", s)
		}
		if ok {
			v.SetInt(int64(n))
		}
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Slice:
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return fmt.Errorf("Failed to base64 decode bytes field '%s': %s", f.name, base64Error(s))
		}
		v.SetBytes(raw)
	case v.Kind() == reflect.Struct || v.Kind() == reflect.Bool:
		return notExpecting("string", f)
	default: // a number as text, as protobuf's own JSON writes 64-bit integers
		if setNumber(v, json.Number(s), f) != nil {
			return fmt.Errorf("Failed to parse '%s' as a JSON number for field '%s'", s, f.name)
		}
	}
	return nil
}

func base64Error(s string) string {
	for _, c := range s {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n", c) {
			return fmt.Sprintf("Invalid character '%c'", c)
		}
	}
	return "Invalid length"
}

func setNumber(v reflect.Value, n json.Number, f *field) error {
	number, err := n.Float64()
	switch v.Kind() {
	case reflect.Float64, reflect.Float32:
		if err != nil {
			return notExpecting("number", f)
		}
		v.SetFloat(number)
	case reflect.Int32, reflect.Int64:
		if i, err := n.Int64(); err == nil {
			v.SetInt(i)
		} else {
			v.SetInt(int64(number))
		}
	case reflect.Uint32, reflect.Uint64:
		if i, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
			v.SetUint(i)
		} else {
			v.SetUint(uint64(number))
		}
	default:
		return notExpecting("number", f)
	}
	return err
}

func notExpecting(what string, f *field) error {
	return fmt.Errorf("Not expecting a JSON %s for field '%s'", what, f.name)
}
