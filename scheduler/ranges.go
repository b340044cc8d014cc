package scheduler

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Range is a run of ports, both ends included.
type Range struct{ Begin, End uint64 }

// Ranges is a set of ports, as text "10250,30000-32767".
type Ranges []Range

// ParseRanges reads ports such as "10250,30000-32767". Ranges are sorted; they must not touch each other twice.
func ParseRanges(text string) (Ranges, error) {
	var parsed Ranges
	for part := range strings.SplitSeq(text, ",") {
		begin, end, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			end = begin
		}
		first, err1 := strconv.ParseUint(begin, 10, 16)
		last, err2 := strconv.ParseUint(end, 10, 16)
		if err1 != nil || err2 != nil || first == 0 || last < first {
			return nil, fmt.Errorf("%q is no port or range of ports: want text such as \"10250,30000-32767\"", part)
		}
		parsed = append(parsed, Range{first, last})
	}
	slices.SortFunc(parsed, func(a, b Range) int { return int(a.Begin) - int(b.Begin) })
	for i := 1; i < len(parsed); i++ {
		if parsed[i].Begin <= parsed[i-1].End {
			return nil, fmt.Errorf("%q has port %d twice, want each once", text, parsed[i].Begin)
		}
	}
	return parsed, nil
}

// String is the ports as ParseRanges reads them.
func (r Ranges) String() string {
	parts := make([]string, len(r))
	for i, each := range r {
		if parts[i] = strconv.FormatUint(each.Begin, 10); each.End != each.Begin {
			parts[i] += "-" + strconv.FormatUint(each.End, 10)
		}
	}
	return strings.Join(parts, ",")
}

// MarshalJSON writes the ports as text.
func (r Ranges) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

// UnmarshalJSON reads ports as text; a single port may be a number.
func (r *Ranges) UnmarshalJSON(text []byte) error {
	written := string(text)
	if strings.HasPrefix(written, `"`) {
		if err := json.Unmarshal(text, &written); err != nil {
			return err
		}
	}
	if written == "" || written == "null" {
		*r = nil
		return nil
	}
	parsed, err := ParseRanges(written)
	*r = parsed
	return err
}

// minus is what is left without the other's ports; ok is false if the other has one that is not here. Both are sorted.
func (r Ranges) minus(other Ranges) (left Ranges, ok bool) {
	left = slices.Clone(r)
	for _, take := range other {
		at := slices.IndexFunc(left, func(each Range) bool { return each.Begin <= take.Begin && take.End <= each.End })
		if at < 0 {
			return r, false
		}
		whole := left[at]
		var parts []Range
		if whole.Begin < take.Begin {
			parts = append(parts, Range{whole.Begin, take.Begin - 1})
		}
		if take.End < whole.End {
			parts = append(parts, Range{take.End + 1, whole.End})
		}
		left = slices.Replace(left, at, at+1, parts...)
	}
	return left, true
}
