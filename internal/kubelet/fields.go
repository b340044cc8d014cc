package kubelet

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fields.txt lists the fields of a KubeletConfiguration v1beta1, one a line, with the kind of their JSON value. A test
// compares it with the Go type of the API, and writes it anew with -rewrite when that has changed.
//
//go:embed fields.txt
var fieldList string

// The kinds of JSON values in fields.txt. "any" is not looked at here.
const (
	kindText   = "text"
	kindLength = "duration" // as Go writes them
	kindNumber = "number"
	kindInt32  = "int32"
	kindInt64  = "int64"
	kindTruth  = "truth"
	kindTexts  = "texts"  // a list of them
	kindTextBy = "textby" // an object of them, with free keys
	kindObject = "object"
	kindAny    = "any"
)

// checkFields compares an object with the list: unknown names, in their exact spelling, and values of a wrong kind.
func checkFields(object map[string]any) error {
	known := map[string]string{}
	for line := range strings.Lines(fieldList) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		known[name] = kind
	}
	return errors.Join(checkObject(known, "", object)...)
}

func checkObject(known map[string]string, prefix string, object map[string]any) (problems []error) {
	for _, key := range sortedKeys(object) {
		name, value := prefix+key, object[key]
		kind, ok := known[name]
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("kubelet spec: kubeletConfiguration.%s: there is no such field", name))
		case !isOfKind(kind, value):
			problems = append(problems, fmt.Errorf("kubelet spec: kubeletConfiguration.%s is %v, want %s", name, value, kindName(kind)))
		case kind == kindObject:
			inside, _ := value.(map[string]any)
			problems = append(problems, checkObject(known, name+".", inside)...)
		}
	}
	return problems
}

func isOfKind(kind string, value any) bool {
	if value == nil || kind == kindAny {
		return true // nil: not set
	}
	switch v := value.(type) {
	case string:
		_, err := time.ParseDuration(v)
		return kind == kindText || kind == kindLength && err == nil
	case json.Number:
		return isNumber(kind, v.String())
	case bool:
		return kind == kindTruth
	case []any:
		return kind == kindTexts && !slices.ContainsFunc(v, notText)
	case map[string]any:
		return kind == kindObject || kind == kindTextBy && !slices.ContainsFunc(slices.Collect(maps.Values(v)), notText)
	default:
		return false
	}
}

func isNumber(kind, text string) bool {
	var err error
	switch kind {
	case kindNumber:
		_, err = strconv.ParseFloat(text, 64)
	case kindInt32:
		_, err = strconv.ParseInt(text, 10, 32)
	case kindInt64:
		_, err = strconv.ParseInt(text, 10, 64)
	default:
		return false
	}
	return err == nil
}

func notText(value any) bool {
	_, ok := value.(string)
	return !ok
}

func kindName(kind string) string {
	switch kind {
	case kindText:
		return "a text"
	case kindLength:
		return "a duration such as 10s"
	case kindNumber:
		return "a number"
	case kindInt32, kindInt64:
		return "a whole number"
	case kindTruth:
		return "true or false"
	case kindTexts:
		return "a list of texts"
	case kindTextBy:
		return "an object of texts"
	default:
		return "an object"
	}
}
