# shellcheck shell=sh
# The node's own addresses: remembering them, and refusing a configuration that has one. addresses.sh says how they differ from ours.
# Offers: note_own_addresses, check_own_addresses, knows_marks

readonly OWN_ADDRESS=77 # exit code of a candidate that has an address of the node's own; keepalived's are below 10

marks=0          # 1: an address that keepalived added can be told by its mark
own_addresses='' # lines "own <device> <address>/<prefix>"

# knows_marks: true when both the kernel and keepalived know marks
knows_marks() {
	read -r release </proc/sys/kernel/osrelease
	minor=${release#*.}
	[ $((${release%%.*} * 1000 + ${minor%%[!0-9]*})) -ge 5018 ] && "$KEEPALIVED" --version 2>&1 | grep -qw IFA_PROTO
}

# note_own_addresses [at-start]: adds to $own_addresses what is on an interface and not on the list: keepalived has not put it there.
# - At the start the list may be old or edited: where there are marks, an address without one is the node's own, whatever the list says.
# - Later, what has the number of an address that is configured is not the node's own: it would have been refused, had it been there.
# - Where there are no marks, one that has gone is forgotten: it may become a virtual address.
# - Link-local ones come and go with every pod, and are never asked for.
note_own_addresses() {
	kept=''
	[ "$marks" -eq 0 ] || kept=$own_addresses
	own_addresses=$({
		printf '%s' "$kept"
		match_addresses "own${1:+-$1}" </dev/null | sed 's/^/own /'
	} | sort -u)$NEWLINE
}

# check_own_addresses FILE: false when a configuration has an address that is the node's own; sets $code, and says in $SAID which
check_own_addresses() {
	addresses_of "$1" | sed 's/^/asked /' | match_addresses conflicts | while read -r address device; do
		echo "$address is this node's own address on $device; take it out of the virtual addresses, or off $device if it is not meant to be there"
	done >"$SAID"
	[ -s "$SAID" ] || return 0
	code=$OWN_ADDRESS
	return 1
}
