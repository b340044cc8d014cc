package operator

import (
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"k8s-framework/scheduler"
)

// definition is a pool with every field whose absence would mean its default and not its zero.
type definition struct {
	scheduler.Pool
	FenceAfter scheduler.Duration `json:"fenceAfter"`
}

// WritePools writes the pools' definitions as a pools file, which apply takes back. Pools that are being deleted are left
// out.
func WritePools(out io.Writer, view scheduler.View) error {
	file := struct {
		Pools []definition `json:"pools"`
	}{[]definition{}}
	for _, p := range view.Pools {
		if !p.Deleted {
			file.Pools = append(file.Pools, definition{p.Pool, p.FenceAfter})
		}
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return fmt.Errorf("write the pools file: %w", err)
	}
	_, err = out.Write(text)
	return err
}
