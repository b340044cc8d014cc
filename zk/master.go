package zk

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// Master is a Mesos master as it announces itself in ZooKeeper.
type Master struct {
	ID       string // new at every start of a master
	Hostname string
	IP       string
	Port     int
	Version  string
}

// ByName is the master's hostname:port, which is also what other masters redirect to, and what a certificate names.
func (m Master) ByName() string { return net.JoinHostPort(m.Hostname, strconv.Itoa(m.Port)) }

// ByIP is the master's ip:port, by which Mesos's own agents find it.
func (m Master) ByIP() string { return net.JoinHostPort(m.IP, strconv.Itoa(m.Port)) }

// masterPattern is the name of a candidate's znode, with the number that ZooKeeper gave. Others live beside them, such as
// log_replicas.
var masterPattern = regexp.MustCompile(`^json\.info_([0-9]{10})$`)

// leading is the name of the leader's znode, the one with the smallest number; empty if there is none.
func leading(names []string) string {
	first := ""
	for _, name := range names {
		if masterPattern.MatchString(name) && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

// decodeMaster reads a MasterInfo in the JSON that Mesos writes. Fields that it does not know are Mesos's business.
func decodeMaster(data []byte) (Master, error) {
	var info struct {
		ID       string `json:"id"`
		Hostname string `json:"hostname"`
		PID      string `json:"pid"`
		Port     int    `json:"port"`
		Version  string `json:"version"`
		Address  struct {
			Hostname string `json:"hostname"`
			IP       string `json:"ip"`
			Port     int    `json:"port"`
		} `json:"address"`
	}
	if err := json.Unmarshal(data, &info); err != nil {
		return Master{}, fmt.Errorf("want a MasterInfo in JSON: %w", err)
	}
	m := Master{ID: info.ID, Hostname: info.Address.Hostname, IP: info.Address.IP, Port: info.Address.Port, Version: info.Version}
	// Masters before 0.24 know no address; the pid is master@ip:port.
	if m.IP == "" {
		_, address, _ := strings.Cut(info.PID, "@")
		m.IP, _, _ = net.SplitHostPort(address)
	}
	if m.Hostname == "" {
		m.Hostname = info.Hostname
	}
	if m.Port == 0 {
		m.Port = info.Port
	}
	if m.Hostname == "" {
		m.Hostname = m.IP
	}
	if net.ParseIP(m.IP) == nil || m.Port < 1 || m.Port > 65535 {
		return Master{}, fmt.Errorf("address is %q and port is %d, want an IP address and a port", m.IP, m.Port)
	}
	if m.ID == "" {
		return Master{}, errors.New("id is empty")
	}
	return m, nil
}
