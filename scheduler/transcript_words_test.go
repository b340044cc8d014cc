package scheduler

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// command is one line of a transcript.
type command struct {
	t *testing.T
	*datadriven.TestData
	now   time.Time
	saved *saved
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

// flag reports whether the line has the word.
func (c command) flag(word string) bool {
	for _, arg := range c.CmdArgs {
		if arg.Key == word && len(arg.Vals) == 0 {
			return true
		}
	}
	return false
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

// duration is the value of a KEY=DURATION; zero if it is not there.
func (c command) duration(key string) time.Duration {
	text := c.option(key)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	require.NoError(c.t, err, c.Pos)
	return d
}

// pool reads "pool NAME nodes=N cpus=N mem=MIB [role=R] [then=wait]" and, from the lines below, any field as in a pools file.
func (c command) pool(base Pool) Pool {
	p := base
	p.Name = PoolName(c.word(0))
	if nodes := c.option("nodes"); nodes != "" {
		parsed, err := ParseCount(nodes)
		require.NoError(c.t, err, c.Pos)
		p.Nodes = parsed
	}
	p.Resources.CPUs = c.amount("cpus", p.Resources.CPUs)
	p.Resources.Mem = c.amount("mem", p.Resources.Mem)
	p.MaxUnavailable = int(c.amount("maxUnavailable", Amount(p.MaxUnavailable)*1000) / 1000)
	if role := c.option("role"); role != "" {
		p.Role = Role(role)
	}
	if then := c.option("then"); then != "" {
		p.Drain.Then = AfterDeadline(then)
	}
	if c.Input != "" {
		p.Labels, p.Annotations, p.Constraints = nil, nil, nil // decoding would add to them
		text, err := yaml.YAMLToJSONStrict([]byte(c.Input))
		require.NoError(c.t, err, c.Pos)
		require.NoError(c.t, json.Unmarshal(text, &p), c.Pos)
	}
	return p
}

// small is the pool of a transcript that says nothing else.
func small() Pool {
	p := DefaultPool()
	p.Resources = Resources{CPUs: 1000, Mem: 1_024_000}
	return p
}

// event is what the line says has happened.
func (c command) event() Event {
	framework := c.saved.meta.FrameworkID
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
	case "inverse":
		return c.inverse()
	case "rescinded":
		return InverseRescinded{Offer: OfferID(c.word(0))}
	case "update":
		return TaskUpdated{
			Task: TaskID(c.word(0)), State: TaskState(c.word(1)), Agent: AgentID(c.option("agent")),
			Reason: strings.ReplaceAll(c.option("reason"), " ", "_"), Message: c.option("message"), Update: UpdateID(c.option("uuid")),
		}
	case "failure":
		return ExecutorEnded{Executor: ExecutorID(c.word(0)), Agent: AgentID(c.option("agent")), Status: int(c.amount("status", 9000) / 1000)}
	case "executordrains":
		return ExecutorDraining{Node: NodeName(c.word(0)), Why: c.option("why")}
	case "waits":
		return ExecutorWaits{Node: NodeName(c.word(0)), For: c.option("for")}
	case "node":
		return c.kubeNode(framework)
	case "lease":
		if c.word(1) == "none" {
			return LeaseSeen{Node: NodeName(c.word(0))}
		}
		age, err := time.ParseDuration(c.word(1))
		require.NoError(c.t, err, c.Pos)
		return LeaseSeen{Node: NodeName(c.word(0)), Renewed: c.now.Add(-age)}
	case "pods":
		return c.podsCounted()
	case "progress":
		e := DrainProgressed{Node: NodeName(c.word(0)), PodsLeft: c.number(c.option("left"))}
		if blocked := c.option("blocked"); blocked != "" {
			e.Blocked = []string{blocked}
		}
		return e
	case "drained":
		return NodeDrained{NodeName(c.word(0))}
	case "uncordoned":
		return Uncordoned{NodeName(c.word(0))}
	case "marked":
		p := c.saved.pools[c.saved.nodes[NodeName(c.word(0))].Pool]
		return KubeNodeMarked{Node: NodeName(c.word(0)), Marks: Marks{Labels: p.Labels, Annotations: p.Annotations, Taints: p.Taints}}
	case "forgotten":
		return KubeNodeForgotten{NodeName(c.word(0))}
	case "opfailed":
		return c.opFailed(framework)
	case "callfailed":
		var call Call = Revive{Roles: []Role{Role(c.word(1))}}
		switch c.word(0) {
		case "suppress":
			call = Suppress{Roles: []Role{Role(c.word(1))}}
		case "accept":
			call = Accept{Offers: []OfferID{OfferID(c.word(1))}}
		}
		return CallFailed{Call: call, Why: "connection refused"}
	case "tokenwanted", "tokenissued", "tokenrevoked", "welcomed", "requested", "settled":
		return c.identityEvent()
	default:
		return Asked{Request: 1, DryRun: c.flag("dry-run"), Command: c.command()}
	}
}

// command is what the line asks for as an operator.
func (c command) command() Command {
	switch c.Cmd {
	case "scale":
		nodes := Count(0)
		if c.word(1) == "all" {
			nodes = All
		} else {
			nodes = Count(c.number(c.word(1)))
		}
		return Scale{Pool: PoolName(c.word(0)), Nodes: nodes}
	case "apply":
		base := small()
		if saved, there := c.saved.pools[PoolName(c.word(0))]; there {
			base = saved.Pool
		}
		return Apply{Pools: []Pool{c.pool(base)}}
	case "delete":
		return RemovePool{PoolName(c.word(0))}
	case "pause":
		return Pause{PoolName(c.word(0))}
	case "resume":
		return Resume{PoolName(c.word(0))}
	case "rollback":
		return RollBack{PoolName(c.word(0))}
	case "restartpool":
		return RestartPool{PoolName(c.word(0))}
	case "restart":
		return RestartNode{NodeName(c.word(0))}
	case "cancel":
		return CallOff{NodeName(c.word(0))}
	case "teardown":
		return EndAll{}
	default:
		c.t.Fatalf("%s: unknown command %q", c.Pos, c.Cmd)
		return nil
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

// offers reads lines of "OFFER AGENT HOST cpus:4 mem(role):100 mem(role pool node):100 ports:[1-9] [role=R] [zone=Z]
// [region=R] [maintenance=DURATION] [ATTRIBUTE=VALUE …]". A resource with pool and node is reserved dynamically by us.
func (c command) offers() []Offer {
	var offers []Offer
	for line := range strings.Lines(c.Input) {
		words := strings.Fields(line)
		require.GreaterOrEqual(c.t, len(words), 3, c.Pos)
		o := Offer{ID: OfferID(words[0]), Agent: AgentID(words[1]), Host: Hostname(words[2]), Role: "*"}
		for _, word := range words[3:] {
			key, value, isOption := strings.Cut(word, "=")
			switch {
			case !isOption:
				o.Resources = append(o.Resources, c.resource(word))
			case key == "role":
				o.Role = Role(value)
			case key == "address":
				o.Address = value
			case key == "zone":
				o.Zone = value
			case key == "region":
				o.Region = value
			case key == "maintenance":
				wait, err := time.ParseDuration(value)
				require.NoError(c.t, err, c.Pos)
				o.UnavailableFrom = c.now.Add(wait).UnixNano()
			default:
				o.Attributes = append(o.Attributes, Attribute{key, value})
			}
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
	r := Resource{Name: name}
	if plain, inner, is := strings.Cut(strings.TrimSuffix(name, ")"), "("); is {
		parts := strings.Split(inner, "|")
		r.Name, r.Reservations = plain, []Reservation{{Role: Role(parts[0])}}
		if len(parts) == 3 {
			r.Reservations[0].Dynamic = true
			r.Reservations[0].Labels = []Label{{labelFramework, string(c.saved.meta.FrameworkID)}, {labelPool, parts[1]}, {labelNode, parts[2]}}
		}
	}
	if ranges, is := strings.CutPrefix(amount, "["); is {
		parsed, err := ParseRanges(strings.TrimSuffix(ranges, "]"))
		require.NoError(c.t, err, c.Pos)
		r.Ranges = parsed
		return r
	}
	parsed, err := ParseAmount(amount)
	require.NoError(c.t, err, c.Pos)
	r.Amount = parsed
	return r
}

// inverse reads "inverse OFFER AGENT in=DURATION [for=DURATION]".
func (c command) inverse() Event {
	return InverseOffered{[]InverseOffer{{
		ID: OfferID(c.word(0)), Agent: AgentID(c.word(1)),
		UnavailableFrom: c.now.Add(c.duration("in")).UnixNano(), For: c.duration("for"),
	}}}
}

// podsCounted reads "pods POOL h1=3 h2=0".
func (c command) podsCounted() Event {
	e := PodsCounted{Pool: PoolName(c.word(0)), Pods: map[Hostname]int{}}
	for _, arg := range c.CmdArgs[1:] {
		e.Pods[Hostname(arg.Key)] = c.number(arg.Vals[0])
	}
	return e
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

// opFailed reads "opfailed OPERATION NODE".
func (c command) opFailed(framework FrameworkID) Event {
	name := NodeName(c.word(1))
	host := c.saved.nodes[name].Host
	var op Op
	switch c.word(0) {
	case "drain":
		op = Drain{Node: name, Host: host, ProviderID: name.ProviderID(framework)}
	case "forget":
		op = ForgetKubeNode{Node: name, Host: host, ProviderID: name.ProviderID(framework)}
	case "uncordon":
		op = Uncordon{Node: name, Host: host, ProviderID: name.ProviderID(framework)}
	case "mark":
		op = MarkKubeNode{Node: name, Host: host, ProviderID: name.ProviderID(framework)}
	case "lease":
		op = ReadLease{Node: name, Host: host}
	case "pods":
		op = CountPods{Pool: PoolName(name)}
	default:
		op = c.identityOp(name)
	}
	return OpFailed{Op: op, Why: "connection refused"}
}
