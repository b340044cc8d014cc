package framework

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"k8s-framework/scheduler"
)

// metrics are what /metrics shows, beside Go's own. Counts of pools and nodes are collected from the core's view.
type metrics struct {
	lag         prometheus.Histogram
	waiting     prometheus.Gauge
	steps       prometheus.Histogram
	events      prometheus.Counter
	saves       prometheus.Histogram
	changes     prometheus.Counter
	calls       *prometheus.CounterVec
	failedCalls *prometheus.CounterVec
	alarms      prometheus.Counter
	leading     prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) *metrics {
	buckets := prometheus.ExponentialBuckets(0.0001, 4, 8)
	m := &metrics{
		lag:         prometheus.NewHistogram(prometheus.HistogramOpts{Name: "k8s_framework_loop_lag_seconds", Help: "How long the oldest event had waited when the loop took it.", Buckets: buckets}),
		waiting:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "k8s_framework_events_waiting", Help: "Events that waited behind it."}),
		steps:       prometheus.NewHistogram(prometheus.HistogramOpts{Name: "k8s_framework_step_seconds", Help: "Time to decide one plan.", Buckets: buckets}),
		events:      prometheus.NewCounter(prometheus.CounterOpts{Name: "k8s_framework_events_total", Help: "Events that the core was told of."}),
		saves:       prometheus.NewHistogram(prometheus.HistogramOpts{Name: "k8s_framework_save_seconds", Help: "Time to make one plan's changes durable.", Buckets: buckets}),
		changes:     prometheus.NewCounter(prometheus.CounterOpts{Name: "k8s_framework_changes_total", Help: "Records written or deleted."}),
		calls:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "k8s_framework_mesos_calls_total", Help: "Calls that the Mesos master took, by type."}, []string{"call"}),
		failedCalls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "k8s_framework_mesos_call_failures_total", Help: "Calls that the Mesos master did not take, by type."}, []string{"call"}),
		alarms:      prometheus.NewCounter(prometheus.CounterOpts{Name: "k8s_framework_alarms_total", Help: "Notes that an operator should look at."}),
		leading:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "k8s_framework_leading", Help: "1 while this instance leads."}),
	}
	registry.MustRegister(m.lag, m.waiting, m.steps, m.events, m.saves, m.changes, m.calls, m.failedCalls, m.alarms, m.leading)
	return m
}

func (m *metrics) waited(oldest time.Duration, more int) {
	m.lag.Observe(oldest.Seconds())
	m.waiting.Set(float64(more))
}

func (m *metrics) stepped(events int, took time.Duration) {
	m.events.Add(float64(events))
	m.steps.Observe(took.Seconds())
}

func (m *metrics) saved(changes int, took time.Duration) {
	m.changes.Add(float64(changes))
	m.saves.Observe(took.Seconds())
}

func (m *metrics) called(call scheduler.Call, err error) {
	name := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", call), "scheduler."))
	if err != nil {
		m.failedCalls.WithLabelValues(name).Inc()
		return
	}
	m.calls.WithLabelValues(name).Inc()
}

// viewCollector shows pools and nodes as the core sees them at the time of the scrape.
type viewCollector struct {
	view     func() (scheduler.View, bool)
	nodes    *prometheus.Desc
	wanted   *prometheus.Desc
	missing  *prometheus.Desc
	outdated *prometheus.Desc
	stopped  *prometheus.Desc
	drift    *prometheus.Desc
}

func newViewCollector(view func() (scheduler.View, bool)) *viewCollector {
	return &viewCollector{
		view:     view,
		nodes:    prometheus.NewDesc("k8s_framework_nodes", "Nodes by pool and phase.", []string{"pool", "phase"}, nil),
		wanted:   prometheus.NewDesc("k8s_framework_nodes_wanted", "Nodes that a pool wants; with nodes: all, those that it has.", []string{"pool"}, nil),
		missing:  prometheus.NewDesc("k8s_framework_nodes_missing", "Nodes that a pool launches as soon as offers fit; with nodes: all nobody knows, 0.", []string{"pool"}, nil),
		outdated: prometheus.NewDesc("k8s_framework_nodes_outdated", "Nodes of another version than their pool's.", []string{"pool"}, nil),
		stopped:  prometheus.NewDesc("k8s_framework_rollout_stopped", "1 while a pool's rolling change is stopped by failures.", []string{"pool"}, nil),
		drift:    prometheus.NewDesc("k8s_framework_nodes_drifted", "Nodes whose Allocatable differs from what Mesos granted.", []string{"pool"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (v *viewCollector) Describe(out chan<- *prometheus.Desc) {
	out <- v.nodes
	out <- v.wanted
	out <- v.missing
	out <- v.outdated
	out <- v.stopped
	out <- v.drift
}

// Collect implements prometheus.Collector. A standby has no view and shows nothing.
func (v *viewCollector) Collect(out chan<- prometheus.Metric) {
	view, ok := v.view()
	if !ok {
		return
	}
	for _, p := range view.Pools {
		gauge := func(desc *prometheus.Desc, value int, labels ...string) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), append([]string{string(p.Name)}, labels...)...)
		}
		gauge(v.wanted, nodesWanted(p))
		gauge(v.missing, p.Missing)
		gauge(v.outdated, p.Outdated)
		gauge(v.drift, p.Drifted)
		stopped := 0
		if p.Rollout.Stopped != "" {
			stopped = 1
		}
		gauge(v.stopped, stopped)
		for phase, count := range p.Phases {
			gauge(v.nodes, count, string(phase))
		}
	}
}

// nodesWanted is the pool's number, or, where it has none, as many as are there to stay.
func nodesWanted(p scheduler.PoolView) int {
	if p.Nodes != scheduler.All {
		return int(p.Nodes)
	}
	wanted := 0
	for phase, count := range p.Phases {
		if phase != scheduler.Draining && phase != scheduler.Stopping && phase != scheduler.Gone {
			wanted += count
		}
	}
	return wanted
}
