package wire

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// Text writes a message in protobuf's text format as Mesos's messages quote it: fields by their number, two spaces for
// each level, defaults left out.
func Text(v any) string {
	var b strings.Builder
	text(&b, reflect.Indirect(reflect.ValueOf(v)), "")
	return b.String()
}

func text(b *strings.Builder, v reflect.Value, indent string) {
	fields := append([]field(nil), known.of(v.Type()).fields...)
	sort.Slice(fields, func(i, j int) bool { return fields[i].number < fields[j].number })
	for i := range fields {
		f := &fields[i]
		fv := v.Field(f.index)
		if isAbsent(fv, f) {
			continue
		}
		if f.repeated && fv.Kind() == reflect.Slice {
			for n := range fv.Len() {
				textField(b, f, fv.Index(n), indent)
			}
			continue
		}
		textField(b, f, fv, indent)
	}
}

func textField(b *strings.Builder, f *field, v reflect.Value, indent string) {
	v = reflect.Indirect(v)
	switch {
	case v.Kind() == reflect.Struct:
		fmt.Fprintf(b, "%s%s {\n", indent, f.name)
		text(b, v, indent+"  ")
		fmt.Fprintf(b, "%s}\n", indent)
	case f.enum != "":
		fmt.Fprintf(b, "%s%s: %v\n", indent, f.name, v.Interface())
	case v.Kind() == reflect.String:
		fmt.Fprintf(b, "%s%s: %s\n", indent, f.name, strconv.Quote(v.String()))
	case v.Kind() == reflect.Slice:
		fmt.Fprintf(b, "%s%s: %s\n", indent, f.name, strconv.Quote(string(v.Bytes())))
	case v.Kind() == reflect.Float64:
		fmt.Fprintf(b, "%s%s: %s\n", indent, f.name, strconv.FormatFloat(v.Float(), 'g', 15, 64))
	default:
		fmt.Fprintf(b, "%s%s: %v\n", indent, f.name, v.Interface())
	}
}
