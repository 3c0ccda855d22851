# shellcheck shell=sh
# What makes this node a server behind a virtual one (IPVS by DR or TUN): the address is on an interface that no network hears, so that
# packets for it are this node's own, while nobody is told so; and packets come out of the holder's tunnel.
# Offers: keep_real_server

readonly DUMMY=dummyvip0
readonly TUNNELS="$STATE_DIR/tunnels" # those that were taken up here, on the host: they are taken down by whoever comes next

# is_our_dummy: true when the interface is there, and this release's own
is_our_dummy() {
	[ "$(cat "/sys/class/net/$DUMMY/ifalias" 2>/dev/null)" = "$REDIRECT_TABLE" ]
}

# make_dummy: false when it cannot be had
make_dummy() {
	if [ -e "/sys/class/net/$DUMMY" ]; then
		is_our_dummy && return 0
		said="$said${NEWLINE}there is an interface $DUMMY that is not this release's: another balancer runs on this node, end it and remove the interface"
		return 1
	fi
	if ! reason=$(ip link add "$DUMMY" type dummy 2>&1 && ip link set "$DUMMY" alias "$REDIRECT_TABLE" up 2>&1); then
		said="$said${NEWLINE}$DUMMY cannot be made: $reason"
		return 1
	fi
}

# keep_addresses: those of the plan, and no other. Of IPv4 they are for this host alone, of IPv6 deprecated: no connection of the node's own
# shall come from them.
keep_addresses() {
	wanted=$(planned dummy)
	ip -o address show dev "$DUMMY" scope global | awk '{ print $4 }' >"$PRIVATE/dummy"
	ip -o address show dev "$DUMMY" scope host | awk '{ print $4 }' >>"$PRIVATE/dummy"
	for address in $wanted; do
		case $address in
		*:*) set -- "$address/128" preferred_lft 0 nodad ;;
		*) set -- "$address/32" scope host ;;
		esac
		grep -Fqx "$1" "$PRIVATE/dummy" && continue
		reason=$(ip address add "$@" dev "$DUMMY" 2>&1) ||
			said="$said${NEWLINE}$address cannot be put on $DUMMY: $reason"
	done
	while read -r there; do
		printf '%s\n' "$wanted" | grep -Fqx "${there%/*}" || ip address del "$there" dev "$DUMMY" 2>/dev/null
	done <"$PRIVATE/dummy"
}

# type_of TUNNEL: prints it, as ip calls it; nothing for another interface
type_of() {
	case $1 in
	tunl*) echo ipip ;;
	ip6tnl*) echo ip6tnl ;;
	esac
}

# keep_tunnels: those of the plan are up; others that were taken up here are taken down
keep_tunnels() {
	planned tunnel >"$PRIVATE/tunnels"
	while read -r tunnel address; do
		# The kernel makes these two when it loads their module.
		[ -e "/sys/class/net/$tunnel" ] || ip link add "$tunnel" type "$(type_of "$tunnel")" 2>/dev/null
		take_up "$tunnel"
		# On an interface without an address the kernel takes nothing that has not come by the way back (rp_filter).
		[ -z "$address" ] || ip -o address show dev "$tunnel" | grep -Fq " $address/32 " ||
			ip address add "$address/32" dev "$tunnel" scope host
	done <"$PRIVATE/tunnels"
	[ ! -s "$TUNNELS" ] || take_down
	ip -o address show dev tunl0 scope host 2>/dev/null | awk '{ print $4 }' | while read -r there; do
		grep -Fqx "tunl0 ${there%/*}" "$PRIVATE/tunnels" || ip address del "$there" dev tunl0
	done
}

# take_up TUNNEL
take_up() {
	ip link show dev "$1" 2>/dev/null | grep -q '<.*[<,]UP[,>]' && return 0
	if reason=$(ip link set "$1" up 2>&1); then
		echo "$1" >>"$TUNNELS"
	else
		said="$said${NEWLINE}$1 cannot be taken up: $reason"
	fi
}

# take_down: those that were taken up here and are not in the plan
take_down() {
	sort -u "$TUNNELS" | while read -r tunnel; do
		[ -n "$(type_of "$tunnel")" ] || continue
		if grep -q "^$tunnel\( \|$\)" "$PRIVATE/tunnels"; then echo "$tunnel"; else ip link set "$tunnel" down 2>/dev/null; fi
	done >"$TUNNELS.new"
	mv -f "$TUNNELS.new" "$TUNNELS"
}

# keep_real_server: has it all as planned
keep_real_server() {
	keep_tunnels
	if planned dummy | grep -q ''; then
		make_dummy && keep_addresses
	elif is_our_dummy; then
		ip link del "$DUMMY"
	fi
}
