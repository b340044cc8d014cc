package scheduler

// Command is something that an operator asks for. What it changes is stored before it is answered.
type Command interface{ command() }

type (
	// Scale changes how many nodes a pool wants.
	Scale struct {
		Pool  PoolName
		Nodes Count
	}

	// Apply makes these pools' definitions hold, and makes those that are new; other pools stay as they are. The number of
	// nodes of the pools in KeepNodes stays as it is.
	Apply struct {
		Pools     []Pool
		KeepNodes []PoolName
	}

	// RemovePool drains a pool's nodes, gives its reservations back, and forgets it.
	RemovePool struct{ Pool PoolName }

	// Pause holds the rolling change of a pool, and Resume goes on with it; also with one that was stopped by failures.
	Pause struct{ Pool PoolName }
	// Resume: see Pause.
	Resume struct{ Pool PoolName }

	// RollBack makes the definition before this one hold again.
	RollBack struct{ Pool PoolName }

	// RestartPool replaces every node of a pool, as a rolling change.
	RestartPool struct{ Pool PoolName }

	// RestartNode drains a node; its pool launches another.
	RestartNode struct{ Node NodeName }

	// CallOff ends the drain of a node that we have planned, and uncordons it.
	CallOff struct{ Node NodeName }

	// EndAll drains every node of every pool, gives all reservations back, and tears the framework down. It cannot be undone.
	EndAll struct{}
)

func (Scale) command()       {}
func (Apply) command()       {}
func (RemovePool) command()  {}
func (Pause) command()       {}
func (Resume) command()      {}
func (RollBack) command()    {}
func (RestartPool) command() {}
func (RestartNode) command() {}
func (CallOff) command()     {}
func (EndAll) command()      {}
