package zk

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// The znodes below the URL's path.
const (
	leaderName = "leader"
	epochName  = "epoch"
	metaName   = "meta"
	poolsName  = "pools"
	nodesName  = "nodes"
)

// Campaign stands for election, and returns when it is won; then the epoch is ours and our lease runs. advertised is the
// address that Leader tells others. It keeps trying over lost connections and sessions. When it ends with an error, it
// leaves no candidate behind, if need be by closing the client.
//
// The election is ZooKeeper's recipe: each candidate is an ephemeral znode with a number from ZooKeeper, the smallest
// leads, and each of the others watches the one before it, so that one end wakes one candidate.
func (c *Client) Campaign(ctx context.Context, advertised string) (*Leadership, error) {
	if err := c.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", c.url, err)
	}
	for {
		token := newToken()
		l, err := c.candidacy(ctx, token, advertised)
		if err == nil {
			return l, nil
		}
		err = fmt.Errorf("election at %s: %w", c.url, err)
		if !errors.Is(err, ErrCandidateGone) && !errors.Is(err, ErrSessionExpired) {
			return nil, errors.Join(err, c.withdraw(ctx, token))
		}
		// The session that expired may not have been the candidate's.
		c.troubled(fmt.Errorf("%w; standing again", err))
		if err := errors.Join(c.pause(ctx), c.deleteCandidates(ctx, token)); err != nil {
			return nil, errors.Join(fmt.Errorf("election at %s: %w", c.url, err), c.withdraw(ctx, token))
		}
	}
}

// prepare makes what must be there before an election.
func (c *Client) prepare(ctx context.Context) error {
	for _, name := range []string{leaderName, poolsName, nodesName} {
		if err := c.ensure(ctx, c.url.child(name), nil); err != nil {
			return err
		}
	}
	return c.ensure(ctx, c.url.child(epochName), epoch{Version: epochVersion}.encode())
}

// candidacy is one attempt, with one candidate znode, whose name holds the token.
func (c *Client) candidacy(ctx context.Context, token, advertised string) (*Leadership, error) {
	expired := c.sessionEnd()
	name, err := c.nominate(ctx, token, advertised)
	if err != nil {
		return nil, err
	}
	if err := c.await(ctx, name, expired); err != nil {
		return nil, err
	}
	won, sent, err := c.takeOver(ctx, name, advertised)
	if err != nil {
		return nil, err
	}
	return newLeadership(c, won, expired, sent), nil
}

// nominate creates our candidate and returns its name. If the answer is lost, the token in the name tells whether it
// was created.
func (c *Client) nominate(ctx context.Context, token, advertised string) (string, error) {
	prefix := c.url.child(leaderName, candidatePrefix+token+"-")
	for {
		created, err := ask(ctx, c, func(conn *zk.Conn) (string, error) {
			return conn.Create(prefix, []byte(advertised), zk.FlagEphemeral|zk.FlagSequence, c.acl)
		})
		if err == nil {
			return strings.TrimPrefix(created, c.url.child(leaderName, "")), nil
		}
		if !transient(err) {
			return "", fmt.Errorf("create %s…: %w", prefix, err)
		}
		if err := errors.Join(c.pause(ctx), c.sync(ctx)); err != nil {
			return "", err
		}
		candidates, err := c.candidates(ctx)
		if err != nil {
			return "", err
		}
		for _, each := range candidates {
			if each.token == token {
				return each.name, nil
			}
		}
	}
}

// await waits until no candidate is before ours.
func (c *Client) await(ctx context.Context, name string, expired <-chan struct{}) error {
	for {
		candidates, err := c.candidates(ctx)
		if err != nil {
			return err
		}
		own := slices.IndexFunc(candidates, func(each candidate) bool { return each.name == name })
		if own < 0 {
			return ErrCandidateGone
		}
		if own == 0 {
			return nil
		}
		predecessor := c.url.child(leaderName, candidates[own-1].name)
		// Reading it, unlike asking whether it exists, leaves no watch behind when it is gone.
		changed, err := again(ctx, c, func(conn *zk.Conn) (<-chan zk.Event, error) {
			_, _, changed, err := conn.GetW(predecessor)
			return changed, err
		})
		if errors.Is(err, zk.ErrNoNode) {
			continue
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", predecessor, err)
		}
		select {
		case <-changed:
		case <-expired:
			return ErrSessionExpired
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// withdraw deletes our candidate, though ctx may have ended. When that cannot be, the session must go: as long as it
// lives, the candidate would win an election with nobody behind it.
func (c *Client) withdraw(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(c.sessionTimeout(), 2*time.Second))
	defer cancel()
	if err := c.deleteCandidates(ctx, token); err != nil {
		c.Close()
		return fmt.Errorf("withdraw from the election (the client is closed instead): %w", err)
	}
	return nil
}

// deleteCandidates deletes what stands under the token, also what was created without our knowing.
func (c *Client) deleteCandidates(ctx context.Context, token string) error {
	if err := c.sync(ctx); err != nil {
		return err
	}
	candidates, err := c.candidates(ctx)
	if err != nil {
		return err
	}
	for _, each := range candidates {
		if each.token == token {
			if err := c.delete(ctx, c.url.child(leaderName, each.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Leader is the address of the candidate that leads, which may not know it yet, or not know yet that it will not for
// long. It fails with ErrDisconnected as soon as there is no connection, and with ErrNoLeader when there is no candidate.
func (c *Client) Leader(ctx context.Context) (string, error) {
	return c.inLine(ctx, 0)
}

// Next is the address of the candidate that leads when the leader of now ends; empty if nobody stands by. It fails with
// ErrDisconnected as soon as there is no connection.
func (c *Client) Next(ctx context.Context) (string, error) {
	address, err := c.inLine(ctx, 1)
	if errors.Is(err, ErrNoLeader) {
		return "", nil
	}
	return address, err
}

// inLine is the address of the candidate with so many before it; ErrNoLeader: there is none.
func (c *Client) inLine(ctx context.Context, before int) (string, error) {
	ctx, cancel := c.connected(ctx)
	defer cancel()
	candidates, err := c.candidates(ctx)
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		return "", fmt.Errorf("ask who leads at %s: %w", c.url, err)
	}
	for _, each := range candidates[min(before, len(candidates)):] {
		found, err := c.get(ctx, c.url.child(leaderName, each.name))
		if errors.Is(err, zk.ErrNoNode) {
			continue // it has just ended
		}
		if err != nil {
			return "", fmt.Errorf("read candidate %s: %w", each.name, err)
		}
		return string(found.data), nil
	}
	return "", fmt.Errorf("ask who leads at %s: %w", c.url, ErrNoLeader)
}

const candidatePrefix = "candidate-"

// candidatePattern is the name of a candidate: a token of 128 random bits, and the number that ZooKeeper gave.
var candidatePattern = regexp.MustCompile(`^` + candidatePrefix + `([0-9a-f]{32})-([0-9]{10})$`)

type candidate struct{ name, token, number string }

// candidates lists the candidates in the order of their numbers. Other names are not ours and are passed over.
func (c *Client) candidates(ctx context.Context) ([]candidate, error) {
	names, err := c.children(ctx, c.url.child(leaderName))
	if err != nil {
		return nil, fmt.Errorf("list the candidates: %w", err)
	}
	var found []candidate
	for _, name := range names {
		if parts := candidatePattern.FindStringSubmatch(name); parts != nil {
			found = append(found, candidate{name, parts[1], parts[2]})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Compare(a.number, b.number) })
	return found, nil
}

func newToken() string {
	var token [16]byte
	_, _ = rand.Read(token[:]) // never fails, by its documentation
	return hex.EncodeToString(token[:])
}
