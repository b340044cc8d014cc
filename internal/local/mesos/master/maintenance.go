package master

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/allocator"
	"github.com/mesos/mesos-go/api/v1/lib/maintenance"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

// machines is what operators plan for machines. A machine is a host name (in any case) together with an address.
type machines struct {
	schedule maintenance.Schedule
	isDown   map[string]mesos.MachineID
	planned  map[string]*mesos.Unavailability
}

func newMachines() machines {
	return machines{isDown: map[string]mesos.MachineID{}, planned: map[string]*mesos.Unavailability{}}
}

func machineKey(hostname, ip string) string { return strings.ToLower(hostname) + "|" + ip }

func idKey(id mesos.MachineID) string { return machineKey(id.GetHostname(), id.GetIP()) }

func (x *machines) down(hostname, ip string) bool {
	_, down := x.isDown[machineKey(hostname, ip)]
	return down
}

// unavailability is when an agent's machine is planned to be away, nil for never.
func (x *machines) unavailability(a *agent) *mesos.Unavailability {
	if len(x.planned) == 0 {
		return nil
	}
	return x.planned[machineKey(a.info.Hostname, a.ip)]
}

func (x *machines) setSchedule(s maintenance.Schedule) {
	x.schedule = s
	x.planned = map[string]*mesos.Unavailability{}
	for i := range s.Windows {
		for _, id := range s.Windows[i].MachineIDs {
			x.planned[idKey(id)] = &s.Windows[i].Unavailability
		}
	}
}

func (x *machines) recover(l *ledger) {
	x.setSchedule(l.Schedule)
	for _, record := range l.Machines {
		x.isDown[idKey(record.Machine)] = record.Machine
	}
}

// keepMachines writes schedule and machines to the registry.
func (m *Master) keepMachines() {
	l := &m.registry.ledger
	l.Schedule, l.Machines = m.machines.schedule, nil
	for _, key := range sortedKeys(m.machines.isDown) {
		l.Machines = append(l.Machines, machineRecord{Machine: m.machines.isDown[key], Down: true})
	}
	m.registry.commit(nil)
}

func machineText(id mesos.MachineID) string { return "Machine '" + string(wire.MarshalJSON(&id)) + "'" }

// refuseSchedule says why a schedule cannot be taken.
func (m *Master) refuseSchedule(s *maintenance.Schedule) string {
	seen := map[string]bool{}
	for _, w := range s.Windows {
		if len(w.MachineIDs) == 0 {
			return "List of machines in the maintenance window is empty"
		}
		if w.Unavailability.Duration != nil && w.Unavailability.Duration.Nanoseconds < 0 {
			return "Unavailability 'duration' is negative"
		}
		for _, id := range w.MachineIDs {
			switch {
			case id.GetHostname() == "" && id.GetIP() == "":
				return "Both 'hostname' and 'ip' for a machine are empty"
			case seen[idKey(id)]:
				return machineText(id) + " appears more than once in the schedule"
			}
			seen[idKey(id)] = true
		}
	}
	for _, key := range sortedKeys(m.machines.isDown) {
		if !seen[key] {
			return machineText(m.machines.isDown[key]) + " is deactivated and cannot be removed from the schedule"
		}
	}
	return ""
}

// updateSchedule is UPDATE_MAINTENANCE_SCHEDULE: what was offered of agents for which something changes is rescinded and
// offered again.
func (m *Master) updateSchedule(s maintenance.Schedule) *wire.Refusal {
	if text := m.refuseSchedule(&s); text != "" {
		return wire.Refuse(http.StatusBadRequest, text)
	}
	before := m.machines.planned
	m.machines.setSchedule(s)
	m.keepMachines()
	for _, a := range m.agentList {
		if a == nil {
			continue
		}
		key := machineKey(a.info.Hostname, a.ip)
		if before[key] == nil && m.machines.planned[key] == nil {
			continue
		}
		m.rescindAgent(a)
		m.rescindInverse(a)
		for _, f := range m.frameworks {
			delete(f.inverse, a.id)
			delete(f.responses, a.id)
		}
	}
	m.askAllocation()
	return nil
}

// startMaintenance is START_MAINTENANCE: machines of the schedule go down, and with them their agents.
func (m *Master) startMaintenance(ids []mesos.MachineID) *wire.Refusal {
	if len(ids) == 0 {
		return wire.Refuse(http.StatusBadRequest, "List of machines is empty")
	}
	for _, id := range ids {
		if m.machines.planned[idKey(id)] == nil {
			return wire.Refuse(http.StatusBadRequest, machineText(id)+" is not part of a maintenance schedule")
		}
		if m.machines.down(id.GetHostname(), id.GetIP()) {
			return wire.Refuse(http.StatusBadRequest, machineText(id)+" is not in DRAINING mode and cannot be brought down")
		}
	}
	for _, id := range ids {
		m.machines.isDown[idKey(id)] = id
	}
	m.keepMachines()
	for _, a := range slices.Clone(m.agentList) {
		if a != nil && m.machines.down(a.info.Hostname, a.ip) {
			a.send(&link.Shutdown{Reason: "Operator initiated 'Machine DOWN'"})
			m.removeAgent(a, "Operator initiated 'Machine DOWN'")
		}
	}
	return nil
}

// stopMaintenance is STOP_MAINTENANCE: machines come up again and leave the schedule.
func (m *Master) stopMaintenance(ids []mesos.MachineID) *wire.Refusal {
	if len(ids) == 0 {
		return wire.Refuse(http.StatusBadRequest, "List of machines is empty")
	}
	for _, id := range ids {
		if !m.machines.down(id.GetHostname(), id.GetIP()) {
			return wire.Refuse(http.StatusBadRequest, machineText(id)+" is not in DOWN mode and cannot be brought up")
		}
	}
	for _, id := range ids {
		delete(m.machines.isDown, idKey(id))
		var windows []maintenance.Window
		for _, w := range m.machines.schedule.Windows {
			w.MachineIDs = slices.DeleteFunc(slices.Clone(w.MachineIDs), func(x mesos.MachineID) bool { return idKey(x) == idKey(id) })
			if len(w.MachineIDs) > 0 {
				windows = append(windows, w)
			}
		}
		m.machines.setSchedule(maintenance.Schedule{Windows: windows})
	}
	m.keepMachines()
	return nil
}

// maintenanceStatus is the answer to GET_MAINTENANCE_STATUS.
func (m *Master) maintenanceStatus() maintenance.ClusterStatus {
	var status maintenance.ClusterStatus
	for _, w := range m.machines.schedule.Windows {
		for _, id := range w.MachineIDs {
			if m.machines.down(id.GetHostname(), id.GetIP()) {
				continue
			}
			status.DrainingMachines = append(status.DrainingMachines, maintenance.ClusterStatus_DrainingMachine{ID: id, Statuses: m.inverseStatuses(id)})
		}
	}
	for _, key := range sortedKeys(m.machines.isDown) {
		status.DownMachines = append(status.DownMachines, m.machines.isDown[key])
	}
	return status
}

// inverseStatuses is how frameworks have answered to the inverse offers of a machine's agents.
func (m *Master) inverseStatuses(id mesos.MachineID) []allocator.InverseOfferStatus {
	var list []allocator.InverseOfferStatus
	for _, a := range m.agentList {
		if a == nil || machineKey(a.info.Hostname, a.ip) != idKey(id) {
			continue
		}
		for _, f := range m.frameworks {
			if r := f.responses[a.id]; r != nil {
				state := allocator.InverseOfferStatus_DECLINE
				if r.accepted {
					state = allocator.InverseOfferStatus_ACCEPT
				}
				list = append(list, allocator.InverseOfferStatus{
					Status: state.Enum(), FrameworkID: mesos.FrameworkID{Value: f.id}, Timestamp: mesos.TimeInfo{Nanoseconds: r.at.UnixNano()},
				})
			}
		}
	}
	slices.SortFunc(list, func(x, y allocator.InverseOfferStatus) int {
		return cmp.Compare(x.FrameworkID.Value, y.FrameworkID.Value)
	})
	return list
}
