package container

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// identity is another user than the agent's own.
type identity struct {
	uid  uint32
	gids []uint32 // the primary one first
}

// identify looks a user up; nil means that no change is needed.
func identify(name string) (*identity, error) {
	if name == "" {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("Failed to get the uid of user '%s': %w", name, err) // Mesos's words
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("uid of user %s: %w", name, err)
	}
	if int(uid) == os.Geteuid() {
		return nil, nil
	}
	who := &identity{uid: uint32(uid)}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %s: %w", name, err)
	}
	for _, g := range append([]string{u.Gid}, groups...) {
		gid, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("group of user %s: %w", name, err)
		}
		who.gids = append(who.gids, uint32(gid))
	}
	return who, nil
}

// own gives a file or directory to the user.
func (who *identity) own(path string) error {
	if who == nil {
		return nil
	}
	return os.Chown(path, int(who.uid), int(who.gids[0]))
}
