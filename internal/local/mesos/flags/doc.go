// Package flags reads the command lines of the stand-in master and agent: flag names, forms and defaults of the real
// mesos-master and mesos-agent, their environment variables (MESOS_ and the flag's name in capitals), and the texts in
// which they take durations, resources, attributes and domains.
//
// Promises: whatever starts a real Mesos with the flags that are listed here starts the stand-in; a flag that is not
// listed is an error that names it, in Mesos's words.
// Not promised: that a flag has every effect that it has in Mesos. Which ones are taken without effect says their help.
//
// Start reading at Master and Agent (the options), then Set (how they are parsed).
package flags
