# shellcheck shell=sh
# Connections of the node itself to a virtual address that it held: both ends of such a one have that address. When it leaves the node, they
# hang: nothing more can be sent from an address that is not there, not even that they are over. So they are ended, and who made them
# connects anew. Done where there are redirects: there the node's own programs are clients of the address.
# Offers: end_own_connections

held='' # the virtual addresses that were here at the last look, with a blank before and after each

# configured_addresses: prints those of the running configuration, without prefixes
configured_addresses() {
	sed -n 's/^#! address [^ ]* \([^ /]*\)\/.*/\1/p' "$RUNNING" 2>/dev/null
}

# end_connections ADDRESS: ends those from and to this address
end_connections() {
	ended=$(timeout -k 1 2 ss -HKt src "$1" dst "$1" 2>/dev/null 3>&- 9>&- | grep -c '')
	[ "$ended" -eq 0 ] || log info "a virtual address left this node: ended the node's own connections to it" address="$1" connections="$ended"
}

# end_own_connections: looks which addresses have left since the last look
end_own_connections() {
	can_redirect || return 0
	here=$(ip -o address show)
	held_now=' '
	for address in $(configured_addresses); do
		case $here in
		*" $address/"*) held_now="$held_now$address " ;;
		*) case $held in *" $address "*) end_connections "$address" ;; esac ;;
		esac
	done
	held=$held_now
}
