package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Lane is one more app of the push API, beside that of BRIDGE_PUSH_*, with a
// budget of its own.
type Lane struct {
	Name string // as the rule file writes it
	Push Push   // Dialect and MaxBytes are those of BRIDGE_PUSH_*
}

const (
	lanePrefix = "LANE_" // before a lane's name and variable, after Prefix
	laneInText = "<NAME>"
)

// laneName is the alphabet of the rule file. Two names never make one variable.
var laneName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// laneVariables are the lane's own, by the name that follows its own, with what
// an unset one is.
var laneVariables = map[string]string{
	"SDKAPPID":         "",
	"IDENTIFIER":       "PUSH_IDENTIFIER",
	"SECRET_KEY":       "", // never another app's
	"REGION":           "PUSH_REGION, where neither it nor its URL is set",
	"URL":              "PUSH_URL, where neither it nor its REGION is set",
	"CA_FILE":          "PUSH_CA_FILE",
	"QUOTA":            "", // it is bought for one app
	"INTERVAL":         "PUSH_INTERVAL",
	"MARGIN":           "PUSH_MARGIN",
	"TIMEOUT":          "PUSH_TIMEOUT",
	"BREAKER_FAILURES": "PUSH_BREAKER_FAILURES",
	"BREAKER_OPEN":     "PUSH_BREAKER_OPEN",
}

// LaneVariable returns the name of a lane's variable, such as SDKAPPID.
func LaneVariable(lane, variable string) string { return Prefix + laneOwn(lane) + variable }

// laneOwn is what stands before a lane's variables, after Prefix.
func laneOwn(lane string) string {
	return lanePrefix + strings.ToUpper(strings.ReplaceAll(lane, "-", "_")) + "_"
}

// laneNames reads BRIDGE_LANES.
func laneNames(vars map[string]string) []string {
	text := strings.TrimSpace(vars[Prefix+"LANES"])
	if text == "" {
		return nil
	}
	names := strings.Split(text, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// variablesOf lists the variables of one lane, laneInText for any.
func variablesOf(lane string) []Variable {
	var all []Variable
	for _, v := range Variables() {
		own, ok := strings.CutPrefix(v.Name, Prefix+lanePrefix+laneInText+"_")
		if ok {
			v.Name = LaneVariable(lane, own)
			all = append(all, v)
		}
	}
	return all
}

// lanesVariables makes the variables of a lane out of those of BRIDGE_PUSH_*.
func lanesVariables(push []Variable) []Variable {
	var all []Variable
	for _, v := range push {
		own := strings.TrimPrefix(v.Name, Prefix+"PUSH_")
		fallback, ok := laneVariables[own]
		if !ok {
			continue
		}
		v.Desc = "of a lane of BRIDGE_LANES: " + v.Desc
		if fallback != "" {
			v.Desc += "; unset: " + Prefix + fallback
			v.Default = ""
		} else if v.Required {
			v.Desc += "; required for each lane"
		}
		v.Name, v.Required, v.field = Prefix+lanePrefix+laneInText+"_"+own, false, laneInText+v.field
		all = append(all, v)
	}
	return all
}

// readLanes reads the lanes that BRIDGE_LANES names.
func (c *Config) readLanes(vars map[string]string) []*Error {
	var p problems
	names := laneNames(vars)
	for i, name := range names {
		switch {
		case !laneName.MatchString(name):
			p.add("LANES", "%q: want names of a to z, 0 to 9 and -, a letter first, at most 63", name)
			continue
		case name == "default":
			p.add("LANES", "default is the lane of BRIDGE_PUSH_*: choose another name")
			continue
		case slices.Contains(names[:i], name):
			p.add("LANES", "%q is there twice", name)
			continue
		}
		p = append(p, readSecretFiles(vars, variablesOf(name))...)
		lane := Lane{Name: name}
		err := env.ParseWithOptions(&lane.Push, env.Options{Environment: laneEnvironment(vars, name), Prefix: Prefix + laneOwn(name)})
		p = append(p, translate(err, vars, variablesOf(name))...)
		c.checkPush(&p, laneOwn(name), lane.Push)
		c.checkApp(&p, lane)
		c.Lanes = append(c.Lanes, lane)
	}
	return p
}

// laneEnvironment is the environment with a lane's unset variables filled in from
// those of BRIDGE_PUSH_*.
func laneEnvironment(vars map[string]string, lane string) map[string]string {
	own := Prefix + laneOwn(lane)
	filled := maps.Clone(vars)
	_, region := vars[own+"REGION"]
	_, url := vars[own+"URL"]
	for _, v := range Variables() {
		name, ok := strings.CutPrefix(v.Name, Prefix+"PUSH_")
		if !ok {
			continue
		}
		fallback, lanes := laneVariables[name]
		_, set := vars[own+name]
		switch {
		case !lanes: // one for the process
			delete(filled, own+name)
		case set || fallback == "" || (name == "REGION" || name == "URL") && (region || url):
			continue
		}
		if value, ok := vars[v.Name]; ok {
			filled[own+name] = value
		}
	}
	return filled
}

// checkApp sees that no app has two owners of its budget.
func (c *Config) checkApp(p *problems, lane Lane) {
	name := laneOwn(lane.Name) + "SDKAPPID"
	if lane.Push.SDKAppID == 0 {
		return // said already
	}
	if lane.Push.SDKAppID == c.Push.SDKAppID {
		p.add(name, "%d is BRIDGE_PUSH_SDKAPPID too: an app has one budget, so it is one lane", lane.Push.SDKAppID)
	}
	for _, other := range c.Lanes {
		if other.Push.SDKAppID == lane.Push.SDKAppID {
			p.add(name, "%d is %s too: an app has one budget, so it is one lane", lane.Push.SDKAppID, LaneVariable(other.Name, "SDKAPPID"))
		}
	}
}

// unlisted is what to say of a variable of a lane that is not in BRIDGE_LANES.
func unlisted(name string) string {
	if !strings.HasPrefix(name, Prefix+lanePrefix) {
		return ""
	}
	return fmt.Sprintf("; is its lane in %sLANES?", Prefix)
}
