//go:build e2e

package executor

import (
	"testing"

	"k8s-framework/internal/local/lab"
)

func enter(m *testing.M) int { return lab.Main(m.Run) }
