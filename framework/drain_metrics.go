package framework

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// drainCounts is where the drains of a leader stand and what they have done.
type drainCounts struct {
	underWay, podsLeft, waitingForVolumes int
	// blocked counts pods by what holds them, evictions answers by result.
	blocked            map[string]int
	evictions          map[string]uint64
	drained, undrained uint64
}

// drainCollector shows drains at the time of the scrape. An instance that does not lead shows none.
type drainCollector struct {
	// counts is set while this instance leads.
	counts atomic.Pointer[func() drainCounts]

	underWay, podsLeft, volumes, blocked, evictions, ended *prometheus.Desc
}

func newDrainCollector() *drainCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("k8s_framework_"+name, help, labels, nil)
	}
	return &drainCollector{
		underWay:  desc("drains", "Drains that are under way."),
		podsLeft:  desc("drain_pods_left", "Pods that the drains under way wait for."),
		volumes:   desc("drains_waiting_for_volumes", "Drains whose pods are gone and whose volumes are still in use."),
		blocked:   desc("drain_pods_blocked", "Pods of drains under way that do not leave, by what holds them.", "cause"),
		evictions: desc("evictions_total", "Answers of the API server to evictions, by result.", "result"),
		ended:     desc("drains_ended_total", "Drains that ended, by whether their node was empty.", "drained"),
	}
}

// lead lets the collector show a leader's drains; nil: there is none.
func (d *drainCollector) lead(counts func() drainCounts) {
	if counts == nil {
		d.counts.Store(nil)
		return
	}
	d.counts.Store(&counts)
}

// Describe implements prometheus.Collector.
func (d *drainCollector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{d.underWay, d.podsLeft, d.volumes, d.blocked, d.evictions, d.ended} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (d *drainCollector) Collect(out chan<- prometheus.Metric) {
	ask := d.counts.Load()
	if ask == nil {
		return
	}
	counts := (*ask)()
	show := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, kind, value, labels...)
	}
	show(d.underWay, prometheus.GaugeValue, float64(counts.underWay))
	show(d.podsLeft, prometheus.GaugeValue, float64(counts.podsLeft))
	show(d.volumes, prometheus.GaugeValue, float64(counts.waitingForVolumes))
	for cause, pods := range counts.blocked {
		show(d.blocked, prometheus.GaugeValue, float64(pods), cause)
	}
	for result, answers := range counts.evictions {
		show(d.evictions, prometheus.CounterValue, float64(answers), result)
	}
	show(d.ended, prometheus.CounterValue, float64(counts.drained), "true")
	show(d.ended, prometheus.CounterValue, float64(counts.undrained), "false")
}
