package framework

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"k8s-framework/scheduler"
)

// ReadPools reads a pools file: YAML or JSON, a list of pools under the key "pools". What a pool leaves unsaid has
// [scheduler.DefaultPool]'s value. The error names the file, the pool and every field that is wrong.
func ReadPools(path string) ([]scheduler.Pool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--pools is %q, want a readable pools file: %w", path, err)
	}
	pools, err := parsePools(text)
	if err != nil {
		return nil, fmt.Errorf("--pools %s: %w", path, err)
	}
	return pools, nil
}

func parsePools(text []byte) ([]scheduler.Pool, error) {
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	var file struct {
		Pools []json.RawMessage `json:"pools"`
	}
	if err := decodeStrict(asJSON, &file); err != nil {
		return nil, fmt.Errorf("want a list of pools under the key \"pools\": %w", err)
	}
	var pools []scheduler.Pool
	var problems []error
	for i, raw := range file.Pools {
		pool := scheduler.DefaultPool()
		if err := decodeStrict(raw, &pool); err != nil {
			problems = append(problems, fmt.Errorf("pool %d: %w", i+1, err))
			continue
		}
		problems = append(problems, pool.Validate())
		pools = append(pools, pool)
	}
	problems = append(problems, uniqueNames(pools))
	return pools, errors.Join(problems...)
}

// decodeStrict reads JSON in which every field must be known.
func decodeStrict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func uniqueNames(pools []scheduler.Pool) error {
	seen := map[scheduler.PoolName]bool{}
	for _, pool := range pools {
		if seen[pool.Name] {
			return fmt.Errorf("pool %q is there twice, want each name once", pool.Name)
		}
		seen[pool.Name] = true
	}
	return nil
}

// poolKeys are the words of a --pool flag: what a small pool needs. Everything else stands in a pools file.
var poolKeys = []string{"name", "nodes", "cpus", "mem", "disk", "role", "drain-deadline", "drain-then"}

// ParsePool reads the value of one --pool flag, such as "name=workers,nodes=3,cpus=1,mem=1024".
func ParsePool(text string) (scheduler.Pool, error) {
	pool := scheduler.DefaultPool()
	var problems []error
	for part := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(part, "=")
		if !found {
			problems = append(problems, fmt.Errorf("%q, want KEY=VALUE", part))
			continue
		}
		if err := setPoolKey(&pool, key, value); err != nil {
			problems = append(problems, err)
		}
	}
	problems = append(problems, pool.Validate())
	if err := errors.Join(problems...); err != nil {
		return scheduler.Pool{}, fmt.Errorf("--pool %q: %w", text, err)
	}
	return pool, nil
}

func setPoolKey(pool *scheduler.Pool, key, value string) error {
	amount := func(into *scheduler.Amount) error {
		parsed, err := scheduler.ParseAmount(value)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		*into = parsed
		return nil
	}
	switch key {
	case "name":
		pool.Name = scheduler.PoolName(value)
	case "nodes":
		nodes, err := scheduler.ParseCount(value)
		pool.Nodes = nodes
		return err
	case "cpus":
		return amount(&pool.Resources.CPUs)
	case "mem":
		return amount(&pool.Resources.Mem)
	case "disk":
		return amount(&pool.Resources.Disk)
	case "role":
		pool.Role = scheduler.Role(value)
	case "drain-deadline":
		return pool.Drain.Deadline.UnmarshalJSON([]byte(strconv.Quote(value)))
	case "drain-then":
		pool.Drain.Then = scheduler.AfterDeadline(value)
	default:
		return fmt.Errorf("unknown key %q, want one of %s", key, strings.Join(poolKeys, ", "))
	}
	return nil
}
