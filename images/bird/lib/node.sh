# shellcheck shell=sh
# What the configuration of BIRD says of this node alone: its router id, and the addresses that sessions begin at.
# Offers: write_node

# last_groups ADDRESS: sets $high and $low to the last two groups of an IPv6 address, 0 where "::" stands for them
last_groups() {
	low=${1##*:}
	high=${1%:*}
	high=${high##*:}
	low=${low:-0} high=${high:-0}
}

# of_family 4|6: sets $address to the node's first address of a family, empty when there is none. What the kubelet says has commas.
of_family() {
	address=''
	for candidate in $(printf '%s' "${NODE_IPS-}" | sed 's/,/ /g'); do
		case $1$candidate in
		4*:*) ;;
		6*:* | 4*.*)
			address=$candidate
			return
			;;
		esac
	done
}

# find_router_id: sets $router_id: the one that is given for this node, else its IPv4 address, else the last 32 bits of its IPv6 address (RFC
# 6286: any number but 0 that no other has in the AS); empty when there is none
find_router_id() {
	router_id=''
	while IFS='=' read -r name id; do
		[ "$name" != "${NODE_NAME-}" ] || router_id=$id
	done <"$CONFIG_DIR/router-ids"
	[ -z "$router_id" ] || return 0
	of_family 4
	router_id=$address
	[ -z "$router_id" ] || return 0
	of_family 6
	[ -n "$address" ] || return 0
	last_groups "$address"
	[ "$((0x$high | 0x$low))" -ne 0 ] || return 0
	router_id=$((0x$high >> 8)).$((0x$high & 255)).$((0x$low >> 8)).$((0x$low & 255))
}

# write_node: writes node.conf; false when there is no router id, or no place for the file. Sets $problem where it knows why.
write_node() {
	find_router_id
	if [ -z "$router_id" ]; then
		problem="this node has no IPv4 address and no other router id: give it one in bgp.routerIds"
		log error "$problem" node="${NODE_NAME-}" addresses="${NODE_IPS-}"
		return 1
	fi
	of_family 4
	node_ipv4=${address:-0.0.0.0}
	of_family 6
	printf 'router id %s;\ndefine node_ipv4 = %s;\ndefine node_ipv6 = %s;\n' "$router_id" "$node_ipv4" "${address:-::}" >"$RUNTIME_DIR/node.conf"
}
