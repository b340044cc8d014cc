package framework

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s-framework/scheduler"
)

// poolKeys are the words of a --pool flag: what a small pool needs. Everything else stands in a pools file.
var poolKeys = []string{"name", "nodes", "cpus", "mem", "disk", "role", "reserve", "max-unavailable", "drain-deadline", "drain-then"}

// ParsePool reads the value of one --pool flag, such as "name=workers,nodes=3,cpus=1,mem=1024".
func ParsePool(text string) (scheduler.Pool, error) {
	pool := scheduler.DefaultPool()
	said := map[string]bool{}
	var problems []error
	for part := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(part, "=")
		switch {
		case !found:
			problems = append(problems, fmt.Errorf("%q, want KEY=VALUE", part))
		case said[key]:
			problems = append(problems, fmt.Errorf("%s is there twice, want each key once", key))
		default:
			said[key] = true
			problems = append(problems, setPoolKey(&pool, key, value))
		}
	}
	problems = append(problems, checkPools([]scheduler.Pool{pool}))
	if err := errors.Join(problems...); err != nil {
		return scheduler.Pool{}, fmt.Errorf("--pool %q: %w", text, err)
	}
	return pool, nil
}

func setPoolKey(pool *scheduler.Pool, key, value string) error {
	var err error
	switch key {
	case "name":
		pool.Name = scheduler.PoolName(value)
	case "nodes":
		pool.Nodes, err = scheduler.ParseCount(value)
		return err // it names the field
	case "cpus":
		pool.Resources.CPUs, err = scheduler.ParseAmount(value)
	case "mem":
		pool.Resources.Mem, err = scheduler.ParseAmount(value)
	case "disk":
		pool.Resources.Disk, err = scheduler.ParseAmount(value)
	case "role":
		pool.Role = scheduler.Role(value)
	case "reserve":
		if pool.Reserve, err = strconv.ParseBool(value); err != nil {
			err = fmt.Errorf("%q, want true or false", value)
		}
	case "max-unavailable":
		if pool.MaxUnavailable, err = strconv.Atoi(value); err != nil {
			err = fmt.Errorf("%q, want a whole number", value)
		}
	case "drain-deadline":
		err = pool.Drain.Deadline.UnmarshalJSON([]byte(strconv.Quote(value)))
	case "drain-then":
		pool.Drain.Then = scheduler.AfterDeadline(value)
	default:
		return fmt.Errorf("unknown key %q, want one of %s", key, strings.Join(poolKeys, ", "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
