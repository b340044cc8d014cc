package hollow

import (
	"regexp"
	"strconv"
)

var modulus = regexp.MustCompile(`\{([1-9][0-9]*)\}`)

// Numbered makes things of a text in which {40} stands for an agent's number modulo 40. Numbers with the same text share one
// thing. The error is parse's.
func Numbered[T any](text string, agents int, parse func(string) (T, error)) (func(number int) T, error) {
	made := map[string]T{}
	things := make([]T, max(0, agents)+1)
	for number := 1; number <= agents; number++ {
		own := modulus.ReplaceAllStringFunc(text, func(braced string) string {
			n, err := strconv.Atoi(braced[1 : len(braced)-1])
			if err != nil {
				return braced // it has twenty digits
			}
			return strconv.Itoa(number % n)
		})
		thing, known := made[own]
		if !known {
			var err error
			if thing, err = parse(own); err != nil {
				return nil, err
			}
			made[own] = thing
		}
		things[number] = thing
	}
	return func(number int) T { return things[number] }, nil
}
