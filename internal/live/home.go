package live

import "slices"

// Home is where a server's resources live: the region and the account of its ARNs.
type Home struct {
	Region  string // like us-east-1
	Account string // 12 digits
}

// ARN names a resource of the home.
func (h Home) ARN(kind ResourceType, id string) ARN {
	return ARN{Region: h.Region, Account: h.Account, Type: kind, ID: id}
}

// Check tells whether a may name a resource of the home that is one of the wanted types: nil, Invalid for
// another type, Denied for another account, NotFound for another region. It never looks the resource up, so
// that a foreign ARN gets the same answer whether or not it exists.
func (h Home) Check(a ARN, want ...ResourceType) error {
	switch {
	case !slices.Contains(want, a.Type):
		return Errorf(Invalid, "%s names a %s, expected: %s", a, a.Type, listTypes(want))
	case a.Account != h.Account:
		return Errorf(Denied, "%s belongs to another account", a)
	case a.Region != h.Region:
		return Errorf(NotFound, "%s is not in region %s", a, h.Region)
	}
	return nil
}

func listTypes(types []ResourceType) string {
	text := ""
	for i, t := range types {
		if i > 0 {
			text += " or "
		}
		text += string(t)
	}
	return text
}
