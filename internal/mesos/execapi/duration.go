package execapi

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads a duration as Mesos writes it: a decimal number and one of the units ns, us, ms, secs, mins, hrs, days,
// weeks.
func ParseDuration(text string) (time.Duration, error) {
	digits := strings.TrimRightFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' })
	unit, known := durationUnit(text[len(digits):])
	number, err := strconv.ParseFloat(digits, 64)
	nanoseconds := number * float64(unit)
	if !known || err != nil || math.IsNaN(nanoseconds) || math.Abs(nanoseconds) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no duration of Mesos, want a number with ns, us, ms, secs, mins, hrs, days or weeks", text)
	}
	return time.Duration(math.Round(nanoseconds)), nil
}

func durationUnit(name string) (unit time.Duration, known bool) {
	switch name {
	case "ns":
		return time.Nanosecond, true
	case "us":
		return time.Microsecond, true
	case "ms":
		return time.Millisecond, true
	case "secs":
		return time.Second, true
	case "mins":
		return time.Minute, true
	case "hrs":
		return time.Hour, true
	case "days":
		return 24 * time.Hour, true
	case "weeks":
		return 7 * 24 * time.Hour, true
	default:
		return 0, false
	}
}
