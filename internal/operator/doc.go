// Package operator is the operators' side of the framework's API: the client behind the commands, and the tables that
// they print. Any instance may be asked; standbys redirect to the leader.
package operator
