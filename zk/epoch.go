package zk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-zookeeper/zk"
)

// epochVersion is the version of the epoch's form: programs whose records differ stand for one election.
const epochVersion = 1

// epoch is what the epoch znode holds: whose saves are accepted. The version of the znode is the fence: it moves with
// every election and every save, each of which names the version that it expects. So a save of a leader that was
// deposed meanwhile fails, however late it arrives; and a leader whose connection broke during a save reads from the
// version whether that was performed.
type epoch struct {
	Version int `json:"version"`
	// Number counts the elections.
	Number int64 `json:"epoch"`
	// Leader is the name of the leader's candidate znode, used once and never again. Empty: there was none yet.
	Leader  string `json:"leader"`
	Address string `json:"address"`
}

func (e epoch) encode() []byte {
	text, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("encode epoch: %v", err)) // two strings and two numbers
	}
	return text
}

func decodeEpoch(data []byte) (epoch, error) {
	var e epoch
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return epoch{}, err
	}
	if e.Version != epochVersion || e.Number < 0 {
		return epoch{}, fmt.Errorf("version is %d and epoch is %d, want version %d and an epoch of 0 or more", e.Version, e.Number, epochVersion)
	}
	return e, nil
}

// fence is an epoch and the version of its znode.
type fence struct {
	epoch
	version int32
}

// readFence reads the epoch znode. After a sync it is what counts.
func (c *Client) readFence(ctx context.Context) (fence, error) {
	znode := c.url.child(epochName)
	found, err := c.get(ctx, znode)
	if err != nil {
		return fence{}, fmt.Errorf("read %s: %w", znode, err)
	}
	e, err := decodeEpoch(found.data)
	if err != nil {
		return fence{}, fmt.Errorf("read %s: %w", znode, err)
	}
	return fence{e, found.version}, nil
}

// takeOver makes the elected candidate the one whose saves are accepted. The time is that of a moment at which the
// candidate still had, or had not yet, its session.
func (c *Client) takeOver(ctx context.Context, candidate, address string) (fence, time.Time, error) {
	begun := time.Now()
	for {
		now, err := c.readFence(ctx)
		if err != nil || now.Leader == candidate { // an answer to an earlier attempt was lost
			return now, begun, err
		}
		next := epoch{epochVersion, now.Number + 1, candidate, address}
		// Not without our candidate: we may have slept since we were elected, and not depose our successor.
		failed, err := c.multi(ctx, []any{
			&zk.CheckVersionRequest{Path: c.url.child(leaderName, candidate), Version: 0},
			&zk.SetDataRequest{Path: c.url.child(epochName), Data: next.encode(), Version: now.version},
		})
		switch {
		case err == nil:
			return fence{next, now.version + 1}, begun, nil
		case failed == 0:
			return fence{}, begun, fmt.Errorf("%w: %s", ErrCandidateGone, candidate)
		case errors.Is(err, zk.ErrBadVersion), transient(err):
			// The deposed leader has saved once more, or the answer was lost: look again.
			if err := errors.Join(c.pause(ctx), c.sync(ctx)); err != nil {
				return fence{}, begun, err
			}
		default:
			return fence{}, begun, fmt.Errorf("take over %s: %w", c.url.child(epochName), err)
		}
	}
}
