# shellcheck shell=sh
# Connections of the node itself to a virtual address that it held: both ends of such a one have that address. When it leaves the node, they
# hang: nothing more can be sent from an address that is not there, not even that they are over. So they are ended, and who made them
# connects anew. Done where there are redirects: there the node's own programs are clients of the address.
# Offers: end_own_connections

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
