package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos/wire"
)

type panics struct{}

func (panics) Unmarshal([]byte) error { panic("index out of range") }

func TestADecoderThatPanicsIsAnError(t *testing.T) {
	require.ErrorContains(t, wire.Decode([]byte("x"), panics{}), "malformed message: index out of range")
}
