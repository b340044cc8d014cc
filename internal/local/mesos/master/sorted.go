package master

import (
	"slices"
	"strings"
)

// sortedKeys are a map's keys in order: what is said never depends on the order of a map.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func joinComma(list []string) string { return strings.Join(list, ", ") }
