// Package lint asserts the rules by which the rooms of this house know each other. It has tests only; the rules stand in
// rules_test.go, with the reason of each.
package lint
