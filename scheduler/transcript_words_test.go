package scheduler

import (
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// command is one line of a transcript.
type command struct {
	t *testing.T
	*datadriven.TestData
}

// word is the command's i-th word after its name.
func (c command) word(i int) string {
	require.Greater(c.t, len(c.CmdArgs), i, "%s: %s wants more words", c.Pos, c.Cmd)
	return c.CmdArgs[i].Key
}

// option is the value of a KEY=VALUE; empty if it is not there. Underscores stand for blanks.
func (c command) option(key string) string {
	for _, arg := range c.CmdArgs {
		if arg.Key == key && len(arg.Vals) > 0 {
			return strings.ReplaceAll(strings.Join(arg.Vals, ", "), "_", " ")
		}
	}
	return ""
}

// amount is the value of a KEY=NUMBER, or otherwise if it is not there.
func (c command) amount(key string, otherwise Amount) Amount {
	text := c.option(key)
	if text == "" {
		return otherwise
	}
	parsed, err := ParseAmount(text)
	require.NoError(c.t, err, c.Pos)
	return parsed
}

func (c command) number(text string) int {
	n, err := strconv.Atoi(text)
	require.NoError(c.t, err, c.Pos)
	return n
}

func (c command) pool() Pool {
	p := DefaultPool()
	p.Name = PoolName(c.word(0))
	p.Nodes = int(c.amount("nodes", 0) / 1000)
	p.MaxUnavailable = int(c.amount("maxUnavailable", Amount(p.MaxUnavailable)*1000) / 1000)
	p.Resources.CPUs = c.amount("cpus", 1000)
	p.Resources.Mem = c.amount("mem", 1_024_000)
	if role := c.option("role"); role != "" {
		p.Role = Role(role)
	}
	if then := c.option("then"); then != "" {
		p.Drain.Then = AfterDeadline(then)
	}
	return p
}

// event is what the line says has happened.
func (c command) event(framework FrameworkID) Event {
	switch c.Cmd {
	case "subscribed":
		return c.subscribed(framework)
	case "removed":
		return Removed{Why: "Framework has been removed"}
	case "disconnected":
		return Disconnected{Why: "the stream ended"}
	case "synced":
		return KubeSynced{}
	case "offers":
		return Offered{c.offers()}
	case "update":
		return TaskUpdated{
			Task: TaskID(c.word(0)), State: TaskState(c.word(1)), Agent: AgentID(c.option("agent")),
			Reason: strings.ReplaceAll(c.option("reason"), " ", "_"), Message: c.option("message"), Update: UpdateID(c.option("uuid")),
		}
	case "failure":
		return ExecutorEnded{Executor: ExecutorID(c.word(0)), Agent: AgentID(c.option("agent")), Status: int(c.amount("status", 9000) / 1000)}
	case "executordrains":
		return ExecutorDraining{Node: NodeName(c.word(0)), Why: c.option("why")}
	case "node":
		return c.kubeNode(framework)
	case "progress":
		e := DrainProgressed{Node: NodeName(c.word(0)), PodsLeft: c.number(c.option("left"))}
		if blocked := c.option("blocked"); blocked != "" {
			e.Blocked = []string{blocked}
		}
		return e
	case "drained":
		return NodeDrained{NodeName(c.word(0))}
	case "forgotten":
		return KubeNodeForgotten{NodeName(c.word(0))}
	case "opfailed":
		return c.opFailed(framework)
	case "scale":
		return ScaleRequested{Request: 1, Pool: PoolName(c.word(0)), Nodes: c.number(c.word(1))}
	default:
		return c.identityEvent()
	}
}

func (c command) subscribed(framework FrameworkID) Event {
	if named := c.option("framework"); named != "" {
		framework = FrameworkID(named)
	} else if framework == "" {
		framework = "fw-1"
	}
	return Subscribed{Framework: framework, Master: "master1:5050"}
}

// offers reads lines of "OFFER AGENT HOST cpus:4 mem:4096 mem(role):100 [role=R]".
func (c command) offers() []Offer {
	var offers []Offer
	for line := range strings.Lines(c.Input) {
		words := strings.Fields(line)
		require.GreaterOrEqual(c.t, len(words), 3, c.Pos)
		o := Offer{ID: OfferID(words[0]), Agent: AgentID(words[1]), Host: Hostname(words[2]), Role: "*"}
		for _, word := range words[3:] {
			if role, found := strings.CutPrefix(word, "role="); found {
				o.Role = Role(role)
				continue
			}
			if address, found := strings.CutPrefix(word, "address="); found {
				o.Address = address
				continue
			}
			o.Resources = append(o.Resources, c.resource(word))
		}
		for i := range o.Resources {
			o.Resources[i].Role = o.Role
		}
		offers = append(offers, o)
	}
	return offers
}

func (c command) resource(word string) Resource {
	name, amount, found := strings.Cut(word, ":")
	require.True(c.t, found, "%s: %q", c.Pos, word)
	parsed, err := ParseAmount(amount)
	require.NoError(c.t, err, c.Pos)
	r := Resource{Name: name, Amount: parsed}
	if plain, role, reserved := strings.Cut(strings.TrimSuffix(name, ")"), "("); reserved {
		r.Name, r.Reservations = plain, []Reservation{{Role: Role(role)}}
	}
	return r
}

// kubeNode reads "node HOST ready|notready|deleted [provider=NODE] [cpu=M] [mem=MIB]"; the provider is a node of ours.
func (c command) kubeNode(framework FrameworkID) Event {
	host, how := Hostname(c.word(0)), c.word(1)
	if how == "deleted" {
		return KubeNodeDeleted{host}
	}
	seen := KubeNode{
		Host: host, UID: "uid-" + UID(host), Ready: how == "ready", ReadyWhy: c.option("why"), Starting: c.option("starting") != "",
		AllocatableCPU: int64(c.amount("cpu", 1000)), AllocatableMem: int64(c.amount("mem", 1_024_000)) * (1 << 20) / 1000,
	}
	if provider := c.option("provider"); provider != "" {
		seen.ProviderID = NodeName(provider).ProviderID(framework)
	}
	return KubeNodeSeen{seen}
}

func (c command) opFailed(framework FrameworkID) Event {
	name := NodeName(c.word(1))
	var op Op
	switch c.word(0) {
	case "drain":
		op = Drain{Node: name, Host: "h2", ProviderID: name.ProviderID(framework)}
	case "forget":
		op = ForgetKubeNode{Node: name, Host: "h2", ProviderID: name.ProviderID(framework)}
	default:
		op = c.identityOp(name)
	}
	return OpFailed{Op: op, Why: "connection refused"}
}
