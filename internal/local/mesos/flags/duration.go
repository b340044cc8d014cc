package flags

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// units are Mesos's, smallest first.
func units() []struct {
	name string
	size time.Duration
} {
	return []struct {
		name string
		size time.Duration
	}{
		{"ns", time.Nanosecond},
		{"us", time.Microsecond},
		{"ms", time.Millisecond},
		{"secs", time.Second},
		{"mins", time.Minute},
		{"hrs", time.Hour},
		{"days", 24 * time.Hour},
		{"weeks", 7 * 24 * time.Hour},
	}
}

// ParseDuration reads a Mesos duration: a number and one of ns, us, ms, secs, mins, hrs, days, weeks ("15mins", "1.5secs").
func ParseDuration(s string) (time.Duration, error) {
	for _, unit := range units() {
		number, ok := strings.CutSuffix(s, unit.name)
		if !ok || number == "" || !strings.ContainsAny(number[len(number)-1:], "0123456789.") {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, fmt.Errorf("Failed to convert '%s' to number", number)
		}
		d := n * float64(unit.size)
		if math.Abs(d) > math.MaxInt64 {
			return 0, fmt.Errorf("Argument out of the range that a Duration can represent")
		}
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("Unknown duration unit in '%s', expected ns, us, ms, secs, mins, hrs, days or weeks", s)
}

// FormatDuration writes a duration as Mesos does: in the largest unit that leaves no rest ("15mins", "90secs").
func FormatDuration(d time.Duration) string {
	all := units()
	for i := len(all) - 1; i >= 0; i-- {
		if d%all[i].size == 0 && (d != 0 || all[i].name == "ns") {
			return strconv.FormatInt(int64(d/all[i].size), 10) + all[i].name
		}
	}
	return d.String()
}
