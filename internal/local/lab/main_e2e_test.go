//go:build e2e

package lab_test

import (
	"os"
	"testing"

	"k8s-framework/internal/local/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }
