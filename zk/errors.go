package zk

import (
	"errors"

	"github.com/go-zookeeper/zk"
)

// The reasons for which a leadership ends. [Leadership.Err] wraps one of them.
var (
	// ErrSessionExpired: ZooKeeper ended our session, and with it our candidacy.
	ErrSessionExpired = errors.New("ZooKeeper session expired")
	// ErrLeaseOver: ZooKeeper did not answer for so long that our session may be over.
	ErrLeaseOver = errors.New("leader's lease ran out")
	// ErrCandidateGone: the session lives, but our candidate znode was deleted by somebody.
	ErrCandidateGone = errors.New("leader's candidate znode is gone")
	// ErrDeposed: another leader has taken over the epoch; nothing that we save is accepted any more.
	ErrDeposed = errors.New("deposed by another leader")
	// ErrResigned: Resign was called.
	ErrResigned = errors.New("resigned")
)

// Further errors that callers tell apart.
var (
	// ErrUnknownOutcome: a Save was sent, and whether ZooKeeper performed it is not known.
	ErrUnknownOutcome = errors.New("outcome unknown: it may or may not be saved")
	// ErrTooLarge: a record is larger than what a Save can hold; nothing of the Save was sent.
	ErrTooLarge = errors.New("record is too large for ZooKeeper")
	// ErrNoLeader: at the moment nobody leads.
	ErrNoLeader = errors.New("nobody leads")
	// ErrDisconnected: at the moment there is no connection to ZooKeeper.
	ErrDisconnected = errors.New("no connection to ZooKeeper")
)

// transient reports whether a call failed because of the connection: it may have been performed or not, and may be tried
// again as soon as there is a connection.
func transient(err error) bool {
	for _, each := range []error{zk.ErrConnectionClosed, zk.ErrNoServer, zk.ErrSessionMoved, zk.ErrSessionExpired} {
		if errors.Is(err, each) {
			return true
		}
	}
	return false
}
