// Package examples is what an operator copies: a pools file, rights and credentials for Kubernetes, systemd units, and
// Marathon apps; demo shows the main job. It has tests only, which read the files as their readers do.
package examples
