package conformance

import "regexp"

// noteForm is a form of line that begins with #.
type noteForm struct {
	name    string
	pattern *regexp.Regexp
	input   bool // an action: the replay does it. Otherwise an observation, which it awaits or checks, or a label.
}

// noteForms are all known forms. The first that fits counts. What is done for each stands in actions.go and checks.go.
var noteForms = []noteForm{
	// What the recorder did.
	{"start zookeeper", regexp.MustCompile(`^start ZooKeeper 3\.8 on port (\d+), tickTime=(\d+)$`), true},
	{"start again", regexp.MustCompile(`^start (\w+) again(?: with (.*))?$`), true},
	{"start", regexp.MustCompile(`^start (\w+): (.*)$`), true},
	{"signal", regexp.MustCompile(`^(\w+) gets (SIG\w+)$`), true},
	{"restart master", regexp.MustCompile(`^(master\d) is killed and started again on the same work_dir$`), true},
	{"executor closes", regexp.MustCompile(`^executor (\S+) closes its stream$`), true},
	{"scheduler closes", regexp.MustCompile(`^(.+) closes its stream$`), true},
	{"executor exits", regexp.MustCompile(`^executor (\S+) exits with code (\d+) \((?:told to|SHUTDOWN)\)$`), true},
	{"executor ended", regexp.MustCompile(`^\(the executor is ended\)$`), true},
	{"work_dir removed", regexp.MustCompile(`^(\w+): work_dir removed$`), true},
	{"latest removed", regexp.MustCompile(`^meta/slaves/latest removed$`), true},
	{"reboot", regexp.MustCompile(`^the executor is killed, meta/boot_id is overwritten$`), true},
	{"reap", regexp.MustCompile(`^the foreign process is reaped now, it was ended by signal (\d+)$`), true},
	{"unknown flag", regexp.MustCompile(`^exit code (\d+): (Failed to load unknown flag .*)$`), true},

	// What it saw.
	{"executor starts", regexp.MustCompile(`^executor (\S+) starts (\{.*\})$`), false},
	{"no event", regexp.MustCompile(`^no (\w+) event (?:came to|from) (.+) within ([\d.]+) s$`), false},
	{"no answer", regexp.MustCompile(`^no answer$`), false},
	{"executor alive", regexp.MustCompile(`^the process of executor (\S+) is (alive|gone)(?: .*)?$`), false},
	{"same pid", regexp.MustCompile(`^the executor's pid is the same$`), false},
	{"got data", regexp.MustCompile(`^the executor got (\d+) characters of base64$`), false},
	{"agent alive", regexp.MustCompile(`^(?:the agent|(agent\d))'s process is alive$`), false},
	{"agent gone", regexp.MustCompile(`^(?:the agent|(agent\d))'s process is gone, code (-?\d+)$`), false},
	{"agent exits", regexp.MustCompile(`^the agent exits with code (-?\d+): (.*)$`), false},
	{"agent registered", regexp.MustCompile(`^the agent is (?:re-registered|registered again)$`), false},
	{"agent log", regexp.MustCompile(`^agent log: (.*)$`), false},
	{"master gone", regexp.MustCompile(`^the master's process is gone, code (-?\d+)$`), false},
	{"master exits", regexp.MustCompile(`^the process of (master\d): exit code (\d+); (.*)$`), false},
	{"master log", regexp.MustCompile(`^(?:master log|the new master logs): (.*)$`), false},
	{"leads", regexp.MustCompile(`^(master\d) leads(?: (\d+) s after the (?:kill|stop))?$`), false},
	{"stream open", regexp.MustCompile(`^the (?:old )?stream (?:of (.+) )?is (open|ended|still open)(?: after (\d+) s)?$`), false},
	{"next offer", regexp.MustCompile(`^the (?:next )?offer came (?:after ([\d.]+) s|not within (\d+) s)$`), false},
	{"pods cgroup", regexp.MustCompile(`^cgroup (CONTAINER-\d+)/pods (.*): present in (.*); the process in it is (alive|dead)$`), false},
	{"cgroup", regexp.MustCompile(`^cgroup (CONTAINER-\d+) \((.*)\): (cpu\.shares=.*)$`), false},
	{"probe", regexp.MustCompile(`^probe, HEARTBEAT of an unknown executor: (.*)$`), false},
	{"zookeeper ls", regexp.MustCompile(`^zookeeper ls (\S+): \[(.*)\]$`), false},
	{"zookeeper get", regexp.MustCompile(`^zookeeper get (\S+): (\{.*\})$`), false},
	{"web server", regexp.MustCompile(`^the web server saw: (.*)$`), false},
	{"sandbox", regexp.MustCompile(`^sandbox: (\S+)(?: mode (\d+), (\d+) bytes)?$`), false},
	{"beside sandbox", regexp.MustCompile(`^a file (\S+) lies beside the sandbox, in runs/$`), false},
	{"stderr", regexp.MustCompile(`^the end of stderr: (.*)$`), false},

	// Labels: they say what the next call is about.
	{"label", regexp.MustCompile(`^(?:old )?scheduler: (?:(?:un)?known task, .*|implicit)$`), false},
	{"label", regexp.MustCompile(`^differs in: .*$`), false},
	{"label", regexp.MustCompile(`^the executor subscribes again$`), false},
	{"label", regexp.MustCompile(`^the master that was killed is started again, so that two of three are there with master3$`), false},
	{"label", regexp.MustCompile(`^the two offers have 2\.799 cpus together$`), false},
	{"label", regexp.MustCompile(`^(?:` + // 02a: SUBSCRIBE: what is refused
		`SUBSCRIBE without subscribe|no user|no name|no roles|role and roles|a bad role|the role \* together with MULTI_ROLE|` +
		`a role twice|roles without MULTI_ROLE|suppressed role that is not in roles|negative failover_timeout|` +
		`an enormous failover_timeout|an unknown capability|framework_id in the call only|framework_info\.id only|` +
		`two different ids|a principal without authentication|a checkpoint that changes is checked on resubscribe only)$`), false},
	{"label", regexp.MustCompile(`^(?:` + // 09: RESERVE that cannot be done
		`100 cpus|no reservation|role other|static|no allocation_info: filled in)$`), false},
}

// noteFormOf finds the form of a note and what its pattern caught; nil if none fits.
func noteFormOf(text string) (*noteForm, []string) {
	for i := range noteForms {
		if m := noteForms[i].pattern.FindStringSubmatch(text); m != nil {
			return &noteForms[i], m
		}
	}
	return nil, nil
}
