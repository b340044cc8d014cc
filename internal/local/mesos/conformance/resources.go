package conformance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The recordings write a list of resources as "cpus:0.5; mem:64(dynamic workers node=n1)". These functions translate.

var (
	shortResource = regexp.MustCompile(`^(\w+):(-?[\d.]+|\[[^\]]*\])(.*)$`)
	shortDynamic  = regexp.MustCompile(`^\(dynamic (\S+?)( [^)]*)?\)$`)
	shownRole     = regexp.MustCompile(`\(role [^)]*\)`)
)

// splitShort splits the short form into one text a resource. The role in which an operator's answer repeats a
// reservation is left out: the reservation says it.
func splitShort(short string) []string {
	var items []string
	for item := range strings.SplitSeq(short, "; ") {
		if item = shownRole.ReplaceAllString(item, ""); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// shorten gives the short form of one resource as Mesos writes it in JSON.
func shorten(resource map[string]any) string {
	text := fmt.Sprint(resource["name"]) + ":"
	switch {
	case resource["scalar"] != nil:
		text += number(field(resource, "scalar", "value"))
	case resource["ranges"] != nil:
		var ranges []string
		list, _ := field(resource, "ranges", "range").([]any)
		for _, r := range list {
			ranges = append(ranges, number(field(r, "begin"))+"-"+number(field(r, "end")))
		}
		text += "[" + strings.Join(ranges, ",") + "]"
	}
	list, _ := resource["reservations"].([]any)
	for _, r := range list {
		kind, _ := field(r, "type").(string)
		text += "(" + strings.ToLower(kind) + " " + fmt.Sprint(field(r, "role"))
		labels, _ := field(r, "labels", "labels").([]any)
		for _, l := range labels {
			text += " " + fmt.Sprint(field(l, "key")) + "=" + fmt.Sprint(field(l, "value"))
		}
		text += ")"
	}
	return text
}

// lengthen makes the list of resources of the short form, allocated to the role; with no role, allocated to nobody.
func lengthen(short, role string) ([]any, error) {
	list := []any{}
	for _, item := range splitShort(short) {
		m := shortResource.FindStringSubmatch(item)
		if m == nil {
			return nil, fmt.Errorf("resource of an unknown form: %q in %q", item, short)
		}
		resource := map[string]any{"name": m[1]}
		if role != "" {
			resource["allocation_info"] = map[string]any{"role": role}
		}
		if err := setAmount(resource, m[2]); err != nil {
			return nil, err
		}
		if m[3] != "" {
			d := shortDynamic.FindStringSubmatch(m[3])
			if d == nil {
				return nil, fmt.Errorf("reservation of an unknown form: %q in %q", m[3], short)
			}
			resource["reservations"] = []any{map[string]any{"type": "DYNAMIC", "role": d[1]}}
		}
		list = append(list, resource)
	}
	return list, nil
}

func setAmount(resource map[string]any, text string) error {
	if !strings.HasPrefix(text, "[") {
		value, err := strconv.ParseFloat(text, 64)
		resource["type"] = "SCALAR"
		resource["scalar"] = map[string]any{"value": value}
		return err
	}
	var ranges []any
	for r := range strings.SplitSeq(strings.Trim(text, "[]"), ",") {
		var begin, end int
		if _, err := fmt.Sscanf(r, "%d-%d", &begin, &end); err != nil {
			return fmt.Errorf("range %q: %w", r, err)
		}
		ranges = append(ranges, map[string]any{"begin": begin, "end": end})
	}
	resource["type"] = "RANGES"
	resource["ranges"] = map[string]any{"range": ranges}
	return nil
}

// field walks down a JSON value; nil if there is no such field.
func field(v any, path ...string) any {
	for _, key := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[key]
	}
	return v
}

// text walks down to a string; empty if there is none.
func text(v any, path ...string) string {
	s, _ := field(v, path...).(string)
	return s
}

func number(v any) string {
	switch n := v.(type) {
	case float64:
		return strconv.FormatFloat(n, 'f', -1, 64)
	case int:
		return strconv.Itoa(n)
	}
	return fmt.Sprint(v)
}
