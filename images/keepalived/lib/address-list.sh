# shellcheck shell=sh
# The list of the addresses that keepalived may have put on an interface, as lines "<device> <address>/<prefix>". It lies on the host,
# because it must survive this container: what a killed keepalived left is removed by it.
# Offers: list, widen_list, narrow_list, is_list_wide, clear_addresses

readonly LIST="$STATE_DIR/addresses"
readonly RELOAD_SECONDS=2 # by then a reload has taken the addresses off that are no longer configured

wide_since='' # uptime in seconds since when the list also has addresses that are no longer configured

# list: prints its lines; grep ends the last one too, which may have been written in part
list() {
	grep '' "$LIST" 2>/dev/null
}

# write_list: replaces the list by stdin
write_list() {
	if cat >"$LIST.new" && mv -f "$LIST.new" "$LIST"; then
		return 0
	fi
	log error "cannot write the list of addresses: after a crash they may stay on the interface" file="$LIST"
	return 1
}

# widen_list FILE: adds the addresses of a configuration; to be done before keepalived gets it
widen_list() {
	{
		list
		addresses_of "$1"
	} | sort -u | write_list
	uptime
	wide_since=$now
}

# is_list_wide: true while keepalived may still have addresses that are no longer configured
is_list_wide() {
	[ -n "$wide_since" ]
}

# dropped_addresses: prints what is on the list, but no longer configured
dropped_addresses() {
	addresses_of "$RUNNING" | { grep -Fxv -f - "$LIST" || :; }
}

# narrow_list: reduces the list to what runs, and removes the rest. Not before keepalived has had the time to reload: an address that
# goes missing under it would make it start the election anew.
narrow_list() {
	is_list_wide || return 0
	uptime
	[ $((now - wide_since)) -ge "$RELOAD_SECONDS" ] || return 0
	wide_since=''
	dropped_addresses | { remove_addresses; } 4>"$LIST.kept"
	{
		addresses_of "$RUNNING"
		cat "$LIST.kept"
	} | sort -u | write_list
	rm -f "$LIST.kept"
	write_status
}

# clear_addresses: removes all that is on the list, while keepalived does not run; what cannot be removed stays on the list
clear_addresses() {
	[ -s "$LIST" ] || return 0
	list | { remove_addresses; } 4>"$LIST.new"
	mv -f "$LIST.new" "$LIST"
	wide_since=''
	write_status
}
