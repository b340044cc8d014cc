package scheduler

import (
	"cmp"
	"maps"
	"slices"
)

// sortedKeys lists a map's keys in order: nothing is done in the order of a map.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
