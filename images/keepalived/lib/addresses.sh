# shellcheck shell=sh
# Addresses on the interfaces and in a configuration: which are ours and which the node's, and taking ours off.
# Offers: addresses_of, match_addresses, remove_addresses
#
# An address that keepalived puts on an interface has its mark, where kernel and keepalived know marks (IFA_PROTO, Linux 5.18). With it,
# and with the list on the host (address-list.sh), the supervisor separates its own addresses from those of the node: those were on an
# interface without a mark when it started, or later without being on the list. It never removes an address of the node.

need "$PARTS/addresses.awk"

# addresses_of FILE: prints the lines "<device> <address>/<prefix>" that a configuration announces in its comments
# "#! address <device> <address>/<prefix> [<instance>]"
addresses_of() {
	sed -n 's/^#! address \([^ ][^ ]*\) \([^ ][^ ]*\)\( [^ ][^ ]*\)\{0,1\}[[:space:]]*$/\1 \2/p' "$1" 2>/dev/null | sort -u
}

# match_addresses TASK: prints the answer of addresses.awk to a task. It knows the list, the running configuration, the node's own
# addresses and what is on the interfaces; what else the task needs comes on stdin.
match_addresses() {
	{
		list | sed 's/^/listed /'
		[ -z "$process_pid" ] || addresses_of "$RUNNING" | sed 's/^/listed /' # somebody may remove the list
		printf '%s' "$own_addresses"
		list_loopback | sed 's/^/loopback /'
		ip -o address show | sed 's/^/here /'
		cat
	} | awk -v task="$1" -v marks="$marks" -f "$PARTS/addresses.awk"
}

# remove_addresses: takes the "<device> <address>/<prefix>" of stdin off the interfaces, but none of the node's own; prints those that
# it cannot remove to fd 4
remove_addresses() {
	sed 's/^/drop /' | match_addresses removable | while read -r device address; do
		if said=$(ip address del "$address" dev "$device" 2>&1); then
			log warn "removed an address that was left on the interface" address="$address" device="$device"
		else
			log error "cannot remove an address: remove it by hand, two nodes may have it" \
				address="$address" device="$device" said="$said"
			echo "$device $address" >&4
		fi
	done
}
