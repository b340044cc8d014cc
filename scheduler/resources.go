package scheduler

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Amount is a scalar resource in thousandths of its unit (CPUs, mebibytes, GPUs), the precision in which Mesos compares
// resources. Integers make sums exact.
type Amount int64

// AmountOf converts a Mesos scalar, rounding to the nearest thousandth as Mesos does.
func AmountOf(scalar float64) Amount { return Amount(math.Round(scalar * 1000)) }

// Float is the amount as Mesos carries it.
func (a Amount) Float() float64 { return float64(a) / 1000 }

// String is the amount in decimal, without needless zeros.
func (a Amount) String() string {
	sign, whole := "", int64(a)
	if whole < 0 {
		sign, whole = "-", -whole
	}
	text := fmt.Sprintf("%s%d.%03d", sign, whole/1000, whole%1000)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// MarshalJSON writes the amount as a number.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalJSON reads a number with at most three decimals.
func (a *Amount) UnmarshalJSON(text []byte) error {
	parsed, err := ParseAmount(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// ParseAmount reads a decimal number with at most three decimals, such as "1.5".
func ParseAmount(text string) (Amount, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(number) || math.Abs(number) > 1e12 {
		return 0, fmt.Errorf("%q is not an amount: want a number such as 1.5", text)
	}
	amount := AmountOf(number)
	if math.Abs(amount.Float()-number) > 1e-9*math.Max(1, math.Abs(number)) {
		return 0, fmt.Errorf("%q is not an amount: Mesos counts thousandths, want at most three decimals", text)
	}
	return amount, nil
}

// Resources is an amount of each scalar resource. Mem and Disk count mebibytes (Mesos's MB).
type Resources struct {
	CPUs Amount `json:"cpus,omitempty"`
	Mem  Amount `json:"mem,omitempty"`
	Disk Amount `json:"disk,omitempty"`
	GPUs Amount `json:"gpus,omitempty"`
}

// Plus is the sum of both.
func (r Resources) Plus(other Resources) Resources {
	return Resources{r.CPUs + other.CPUs, r.Mem + other.Mem, r.Disk + other.Disk, r.GPUs + other.GPUs}
}

// Minus is what is left of r without the other; amounts may be negative.
func (r Resources) Minus(other Resources) Resources {
	return Resources{r.CPUs - other.CPUs, r.Mem - other.Mem, r.Disk - other.Disk, r.GPUs - other.GPUs}
}

// Within reports whether no amount is above the other's.
func (r Resources) Within(other Resources) bool {
	return r.CPUs <= other.CPUs && r.Mem <= other.Mem && r.Disk <= other.Disk && r.GPUs <= other.GPUs
}

// IsZero reports whether nothing is asked for.
func (r Resources) IsZero() bool { return r == Resources{} }

// MemBytes is the memory in bytes.
func (r Resources) MemBytes() int64 { return int64(r.Mem) * (1 << 20) / 1000 }

// String is the form in which Mesos writes resources.
func (r Resources) String() string {
	var parts []string
	for _, each := range r.named() {
		if each.amount != 0 {
			parts = append(parts, fmt.Sprintf("%s:%s", each.name, each.amount))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

type namedAmount struct {
	name   string
	amount Amount
}

// named lists the amounts in a fixed order under their Mesos names.
func (r Resources) named() [4]namedAmount {
	return [4]namedAmount{{"cpus", r.CPUs}, {"mem", r.Mem}, {"disk", r.Disk}, {"gpus", r.GPUs}}
}

// Resource is one entry of an offer's or a launch's resources.
type Resource struct {
	Name   string `json:"name"` // "cpus", "mem", "disk", "gpus", "ports", …
	Amount Amount `json:"amount,omitempty"`
	// Ranges is what an entry of ports has instead of an amount.
	Ranges Ranges `json:"ranges,omitempty"`
	// Role is the role that the offer was allocated to.
	Role Role `json:"role,omitempty"`
	// Reservations is the stack of reservations, the most refined last. Empty: unreserved.
	Reservations []Reservation `json:"reservations,omitempty"`
	// Special says why the entry is no plain resource ("revocable", "a volume", …); such an entry is never used.
	Special string `json:"-"`
}

// Reservation is one level of a resource's reservations.
type Reservation struct {
	Role      Role    `json:"role"`
	Dynamic   bool    `json:"dynamic,omitempty"`
	Principal string  `json:"principal,omitempty"`
	Labels    []Label `json:"labels,omitempty"`
}

// Label is a key and value attached by a framework or an operator.
type Label struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}
