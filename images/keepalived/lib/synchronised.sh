# shellcheck shell=sh
# IPVS' connections, told by who holds an address to the other nodes: who takes it over goes on with them. Both daemons are the kernel's; they
# may run side by side, where different nodes hold different addresses.
# Offers: keep_synchronised

# daemons: prints "ROLE DEVICE ID [GROUP]" of those that run
daemons() {
	ask_ipvs -L --daemon | sed -n 's/^\(master\|backup\) sync daemon (mcast=\([^,]*\), syncid=\([0-9]*\),.*group=\([^,]*\),.*/\1 \2 \3 \4/p' |
		sed 's/ 224[.]0[.]0[.]81$//'
}

# keep_synchronised: has the daemons as planned
keep_synchronised() {
	[ -e "$IPVS_FILE" ] || return 0
	running=$(daemons)
	wanted=$(planned sync)
	[ "$running" != "$wanted" ] || return 0
	printf '%s\n' "$running" | while read -r role rest; do
		[ -n "$role" ] || continue
		printf '%s\n' "$wanted" | grep -Fqx "$role $rest" || ask_ipvs --stop-daemon "$role"
	done
	printf '%s\n' "$wanted" | while read -r role device id group; do
		[ -n "$role" ] || continue
		printf '%s\n' "$running" | grep -Fqx "$role $device $id${group:+ $group}" && continue
		ask_ipvs --start-daemon "$role" --mcast-interface "$device" --syncid "$id" ${group:+--mcast-group "$group"}
	done
	[ "$(daemons | sort)" = "$(planned sync | sort)" ] ||
		said="$said${NEWLINE}connections are not synchronised with the other nodes: the kernel does not begin to, see its log"
}
