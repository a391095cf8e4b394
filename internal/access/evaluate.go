package access

import "strings"

// Request is a call that wants to be decided about.
type Request struct {
	Action string // ivs:GetStage
	// Resources are the ARNs that the call is about; a new resource is named by its type ("…:stage/*"), and a
	// call about no resource in particular has "*". Each must be allowed.
	Resources []string
	// ResourceTags returns the tags that a resource has, none if there is no such resource. It is asked only
	// if a condition wants to know.
	ResourceTags func(resource string) (map[string]string, error)
	RequestTags  map[string]string // that the call wants to set
	TagKeys      []string          // of the tags that the call sets or removes
}

// Decision is what policies say to a request.
type Decision struct {
	Allowed  bool
	Explicit bool   // a statement denies it; otherwise nothing allows it
	Resource string // that is not allowed
}

// Decide says whether policies allow a request. The error is that of ResourceTags.
func Decide(policies []*Policy, r Request) (Decision, error) {
	action := strings.ToLower(r.Action)
	for _, resource := range r.Resources {
		d, err := decide(policies, action, resource, r)
		if err != nil || !d.Allowed {
			return d, err
		}
	}
	return Decision{Allowed: len(r.Resources) > 0}, nil
}

func decide(policies []*Policy, action, resource string, r Request) (Decision, error) {
	tags := lazyTags{of: resource, ask: r.ResourceTags}
	d := Decision{Resource: resource}
	for _, p := range policies {
		for _, s := range p.statements {
			applies, err := s.applies(action, r, &tags)
			if err != nil {
				return d, err
			}
			if applies && s.deny {
				return Decision{Explicit: true, Resource: resource}, nil
			}
			d.Allowed = d.Allowed || applies
		}
	}
	return d, nil
}

// applies tells whether the statement speaks of the action on the resource.
func (s *statement) applies(action string, r Request, tags *lazyTags) (bool, error) {
	if s.namesAction(action) == s.notActions || s.namesResource(tags.of) == s.notRes {
		return false, nil
	}
	for _, c := range s.conditions {
		var have map[string]string
		if c.key == resourceTag {
			var err error
			if have, err = tags.get(); err != nil {
				return false, err
			}
		}
		if !c.holds(r, have, s.deny) {
			return false, nil
		}
	}
	return true, nil
}

func (s *statement) namesAction(action string) bool {
	for _, pattern := range s.actions {
		if like(pattern, action) {
			return true
		}
	}
	return false
}

func (s *statement) namesResource(resource string) bool {
	for _, pattern := range s.resources {
		if pattern.matches(resource) {
			return true
		}
	}
	return false
}

// lazyTags asks for a resource's tags at most once.
type lazyTags struct {
	of    string
	ask   func(string) (map[string]string, error)
	asked bool
	tags  map[string]string
}

func (t *lazyTags) get() (map[string]string, error) {
	if t.asked || t.ask == nil {
		return t.tags, nil
	}
	var err error
	t.tags, err = t.ask(t.of)
	t.asked = err == nil
	return t.tags, err
}
