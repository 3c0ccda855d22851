# shellcheck shell=sh
# Connections of the node itself to a virtual address that it held: both ends of such a one have that address. When it leaves the node, they
# hang: nothing more can be sent from an address that is not there, not even that they are over. So they are ended, and who made them
# connects anew. Done where there are redirects: there the node's own programs are clients of the address.
# Those of others to an address that left do the same, where the next holder tells its clients: a server here would keep them for as long as its
# own time limits, for clients that are gone.
# Offers: end_own_connections, end_left_connections

present='' # virtual addresses that were here at the last look

# configured_addresses: prints those of the running configuration, without prefixes
configured_addresses() {
	sed -n 's/^#! address [^ ]* \([^ /]*\)\/.*/\1/p' "$RUNNING" 2>/dev/null
}

# end_own_connections: ends those to virtual addresses that are not here; where an address never was there are none
end_own_connections() {
	can_redirect || return 0
	here=$(ip -o address show)
	filter=''
	for address in $(configured_addresses); do
		case $here in
		*" $address/"*) continue ;;
		esac
		case $address in
		*:*) address="[$address]" ;;
		esac
		filter="${filter:+$filter or }( src $address and dst $address )"
	done
	[ -n "$filter" ] || return 0
	ended=$(timeout -k 1 2 ss -HKt "$filter" 2>/dev/null 3>&- 9>&- | grep -c '')
	[ "$ended" -eq 0 ] || log info "a virtual address left this node: ended the node's own connections to it" connections="$ended"
}

# present_addresses: prints those of the running configuration that are here
present_addresses() {
	{
		configured_addresses | sed 's/^/virtual /'
		ip -o address show
	} | awk '$1 == "virtual" { virtual[$2] = 1; next } { split($4, parts, "/") } parts[1] in virtual { print parts[1] }'
}

# end_left_connections: ends the connections to virtual addresses that were here and are not any more
end_left_connections() {
	[ "$RESET_CONNECTIONS" = true ] || return 0
	before=$present
	present=$(present_addresses)
	[ "$before" != "$present" ] || return 0
	filter=''
	for address in $before; do
		case $NEWLINE$present$NEWLINE in
		*"$NEWLINE$address$NEWLINE"*) continue ;;
		esac
		case $address in
		*:*) address="[$address]" ;;
		esac
		filter="${filter:+$filter or }( src $address )"
	done
	[ -n "$filter" ] || return 0
	ended=$(timeout -k 1 2 ss -HKt "$filter" 2>/dev/null 3>&- 9>&- | grep -c '')
	[ "$ended" -eq 0 ] || log info "a virtual address left this node: ended the connections to it" connections="$ended"
}
