// Package scale measures the whole framework on 1,000 to 50,000 agents: its own process, real ZooKeeper, a real API server, and a
// Mesos cluster of hollow agents, whose master speaks the real wire (internal/local/mesos/hollow). Its benchmarks have the build tag
// bench and print Markdown tables.
package scale
