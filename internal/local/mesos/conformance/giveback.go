package conformance

import (
	"fmt"
	"net/http"
	"time"
)

// giveBack declines offers that the recording does not have, before a scheduler accepts one that it has. Resources that
// become free at a random moment are offered alone if an allocation cycle falls behind that moment, and together with
// others if the next launch does. Given back, they come together, as recorded.
func (r *replay) giveBack(e *Entry, s *scheduler) {
	if !r.hidden.split || e.Type != "ACCEPT" {
		return
	}
	addr, err := r.leader()
	if err != nil {
		return
	}
	list, _ := r.obs.unused()
	for _, ob := range list {
		if ob.speaker != e.speaker() || ob.typ != "OFFERS" || time.Since(ob.at) < settled || r.expected(e, ob) {
			continue
		}
		ob.used = true
		r.result.GivenBack++
		offers, _ := field(ob.value, "offers", "offers").([]any)
		for _, o := range offers {
			plain(request{
				addr: addr, method: http.MethodPost, path: "/api/v1/scheduler",
				headers: []string{
					"Content-Type: application/json", "Accept: application/json",
					"Mesos-Stream-Id: " + s.streamID,
				},
				body: fmt.Sprintf(`{"type":"DECLINE","framework_id":{"value":%q},"decline":{"offer_ids":[{"value":%q}],`+
					`"filters":{"refuse_seconds":0}}}`, text(o, "framework_id", "value"), text(o, "id", "value")),
			})
		}
	}
}

// settled is how old an offer is when it is clear that the next entries do not await it.
const settled = 200 * time.Millisecond

// expected says whether an entry that follows soon awaits the offers.
func (r *replay) expected(e *Entry, ob *observation) bool {
	for _, later := range r.t.All() {
		if later.Line < e.Line || later.At > e.At+earliest || !r.isOf(ob, later) {
			continue
		}
		want, err := later.value()
		mark := r.names.mark()
		fits := err == nil && len(r.try(later, want, ob)) == 0
		r.names.undo(mark)
		if fits {
			return true
		}
	}
	return false
}
