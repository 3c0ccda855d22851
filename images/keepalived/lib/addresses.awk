# Which addresses on the interfaces are ours, which are the node's own, and which are where they should not be.
#
# Variables: task, see below; marks, 1 where an address that keepalived added has a mark.
# Input, with a tag first:
#   listed DEVICE ADDRESS/PREFIX        keepalived may have put it on the interface
#   own DEVICE ADDRESS/PREFIX           the node's own, as was found before
#   asked DEVICE ADDRESS/PREFIX         of a configuration to be checked
#   drop DEVICE ADDRESS/PREFIX          to be removed
#   of DEVICE ADDRESS/PREFIX INSTANCE   configured
#   state INSTANCE STATE                what keepalived said last
#   loopback ADDRESS/PREFIX             this release has put it on lo (loopback.sh)
#   here LINE                           of "ip -o address show"
# Tasks, and what they print:
#   conflicts      ADDRESS DEVICE: those asked that are the node's own
#   own            DEVICE ADDRESS/PREFIX: the node's own, while the list can be trusted
#   own-at-start   the same, while it cannot
#   removable      DEVICE ADDRESS/PREFIX: those to drop that are there and may be removed
#   misplaced      stray|managed|lacking DEVICE ADDRESS/PREFIX INSTANCE: ours where the instance is not MASTER; the same, but somebody else
#                  manages it and would add it again; missing where the instance is MASTER
#
# Addresses are compared as numbers. What is removed has the prefix and the device of the list as well: of one address, the node may have
# one prefix, and keepalived another.

# plain GROUP: of an IPv6 address, without zeros in front
function plain(group) {
	sub(/^0+/, "", group)
	return group == "" ? "0" : group
}

# number ADDRESS: one text for all its spellings
function number(text,    byte, gap, left, right, lefts, rights, result, i) {
	if (text !~ /:/) return text
	text = tolower(text)
	if (match(text, /[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$/)) {
		split(substr(text, RSTART), byte, ".")
		text = substr(text, 1, RSTART - 1) sprintf("%x:%x", byte[1] * 256 + byte[2], byte[3] * 256 + byte[4])
	}
	gap = index(text, "::")
	lefts = split(gap ? substr(text, 1, gap - 1) : text, left, ":")
	rights = gap ? split(substr(text, gap + 2), right, ":") : 0
	result = ""
	for (i = 1; i <= lefts; i++) result = result ":" plain(left[i])
	for (; gap && lefts + rights < 8; lefts++) result = result ":0"
	for (i = 1; i <= rights; i++) result = result ":" plain(right[i])
	return result
}

# key DEVICE ADDRESS/PREFIX: one text for all its spellings; empty when it is not such a thing, for example because it was written in
# part only
function key(device, address,    part) {
	if (address !~ /^[0-9A-Fa-f.:]+\/[0-9]+$/) return ""
	split(address, part, "/")
	return device " " number(part[1]) "/" (part[2] + 0)
}

# is_ours I: true when keepalived has put this address on the interface
function is_ours(i) { return (value[i] in known) && (marked[i] || !(id[i] in own)) }

# may_remove I: true when it is to be dropped and certainly not the node's own
function may_remove(i) { return (id[i] in drop) && (marked[i] || !(id[i] in own)) }

# is_own_at_start I: true when it is the node's own, by its mark where there are marks, else by the list
function is_own_at_start(i) { return !(id[i] in listed) || (marks && !marked[i]) }

# is_misplaced I: true when it is ours, and its instance is not MASTER
function is_misplaced(i) {
	return (value[i] in instance) && state[instance[value[i]]] != "MASTER" && is_ours(i)
}

# print_lacking: what the instances that are MASTER should have and do not
function print_lacking(    each, part) {
	for (each in configured) {
		split(configured[each], part, " ")
		if (state[part[3]] == "MASTER" && !(each in present)) print "lacking " configured[each]
	}
}

$1 == "listed" {
	listed[key($2, $3)] = 1
	split($3, part, "/")
	known[number(part[1])] = 1
}
$1 == "own" { own[key($2, $3)] = 1 }
$1 == "asked" {
	split($3, part, "/")
	asked[number(part[1])] = part[1]
}
$1 == "drop" { drop[key($2, $3)] = 1 }
$1 == "of" {
	split($3, part, "/")
	instance[number(part[1])] = $4
	configured[key($2, $3)] = $2 " " $3 " " $4
}
$1 == "state" { state[$2] = $3 }

# Every node has the addresses of all Services there (kube-proxy by IPVS, kube-router), or those of virtual servers (real-server.sh): none of
# them is a node's own.
$1 == "here" && $3 ~ /^(kube-ipvs[0-9]*|kube-dummy-if|dummyvip0)$/ { next }
$1 == "here" && $3 == "tunl0" && / scope host / { next }
$1 == "loopback" { loopback[key("lo", $2)] = 1 }
$1 == "here" && $3 == "lo" && (key("lo", $5 ~ /\// ? $5 : $5 "/32") in loopback) { next }
$1 == "here" {
	address = $5
	if (address !~ /\//) address = address "/" ($4 == "inet6" ? 128 : 32)
	here++
	device[here] = $3
	text[here] = $3 " " address
	id[here] = key($3, address)
	split(address, part, "/")
	value[here] = number(part[1])
	marked[here] = / proto (0x12|18|keepalived)/
	link_local[here] = / scope link /
	managed[here] = / (dynamic|mngtmpaddr|noprefixroute) /
	present[id[here]] = 1
}

END {
	# What was no address.
	delete listed[""]
	delete drop[""]
	delete configured[""]
	for (i = 1; i <= here; i++) {
		if (task == "conflicts" && (value[i] in asked) && !is_ours(i)) print asked[value[i]], device[i]
		if (task == "own" && !link_local[i] && !(value[i] in known)) print text[i]
		if (task == "own-at-start" && !link_local[i] && is_own_at_start(i)) print text[i]
		if (task == "removable" && may_remove(i)) print text[i]
		if (task == "misplaced" && is_misplaced(i)) print (managed[i] && !marked[i] ? "managed " : "stray ") text[i] " " instance[value[i]]
	}
	if (task == "misplaced") print_lacking()
}
