package scheduler

// The labels of our reservations.
const (
	labelFramework = "framework"
	labelPool      = "pool"
	labelNode      = "node"
)
