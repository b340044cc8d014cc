package site

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"k8s-framework/scheduler"
)

// Reservation is what an agent holds for a framework dynamically, as the leading master counts it: one entry of its resources.
type Reservation struct {
	Host   string
	Name   string // cpus, mem, …
	Amount float64
	Role   string
	Labels map[string]string
}

// Reservations lists the dynamic reservations of all agents that are registered.
func (s *Site) Reservations(ctx context.Context) ([]Reservation, error) {
	text, err := s.Operate(ctx, `{"type":"GET_AGENTS"}`)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Get struct {
			Agents []struct {
				Info struct {
					Hostname string `json:"hostname"`
				} `json:"agent_info"`
				Total []struct {
					Name         string
					Scalar       struct{ Value float64 }
					Reservations []struct {
						Type, Role string
						Labels     struct {
							Labels []struct{ Key, Value string }
						}
					}
				} `json:"total_resources"`
			} `json:"agents"`
		} `json:"get_agents"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("GET_AGENTS: %w", err)
	}
	var found []Reservation
	for _, agent := range answer.Get.Agents {
		for _, entry := range agent.Total {
			for _, r := range entry.Reservations {
				if r.Type != "DYNAMIC" {
					continue
				}
				labels := map[string]string{}
				for _, label := range r.Labels.Labels {
					labels[label.Key] = label.Value
				}
				found = append(found, Reservation{agent.Info.Hostname, entry.Name, entry.Scalar.Value, r.Role, labels})
			}
		}
	}
	return found, nil
}

// ScheduleMaintenance makes a maintenance of these hosts from then on, without an end, the whole schedule; of none: there is
// no schedule.
func (s *Site) ScheduleMaintenance(ctx context.Context, from time.Time, hosts ...string) error {
	type machine struct {
		Hostname string `json:"hostname"`
		IP       string `json:"ip"`
	}
	var machines []machine
	for _, name := range hosts {
		machines = append(machines, machine{name, s.Host(name).Address().String()})
	}
	windows := []any{}
	if len(machines) > 0 {
		windows = append(windows, map[string]any{
			"machine_ids": machines, "unavailability": map[string]any{"start": map[string]any{"nanoseconds": from.UnixNano()}},
		})
	}
	call, err := json.Marshal(map[string]any{
		"type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": map[string]any{"schedule": map[string]any{"windows": windows}},
	})
	if err != nil {
		return err
	}
	_, err = s.Operate(ctx, string(call))
	return err
}

// MaintenanceAnswer is what the framework has last answered to an inverse offer of a host in the schedule: ACCEPT, DECLINE, or
// empty for nothing yet.
func (s *Site) MaintenanceAnswer(ctx context.Context, host string, framework scheduler.FrameworkID) (string, error) {
	text, err := s.Operate(ctx, `{"type":"GET_MAINTENANCE_STATUS"}`)
	if err != nil {
		return "", err
	}
	var answer struct {
		Get struct {
			Status struct {
				Draining []struct {
					ID       struct{ Hostname string }
					Statuses []struct {
						Status    string
						Framework struct{ Value scheduler.FrameworkID } `json:"framework_id"`
					}
				} `json:"draining_machines"`
			} `json:"status"`
		} `json:"get_maintenance_status"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("GET_MAINTENANCE_STATUS: %w", err)
	}
	for _, machine := range answer.Get.Status.Draining {
		if machine.ID.Hostname != host {
			continue
		}
		for _, given := range machine.Statuses {
			if given.Framework.Value == framework {
				return given.Status, nil
			}
		}
		return "", nil
	}
	return "", fmt.Errorf("the master lists no machine %s: %s", host, text)
}
