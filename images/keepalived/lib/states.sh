# shellcheck shell=sh
# The VRRP states of the instances, as keepalived itself reports them when it is asked.
# Offers: ask_states

readonly STATES_SECONDS=2 # until keepalived has reported them; 250 of them take some 15 ms
readonly DUMPED=/tmp/keepalived.data # keepalived writes there, and the version 2 password too; it is nobody else's

states='' # lines "state <instance> <state>", as keepalived said last

# states_in FILE: prints the lines "state <instance> <state>" of what keepalived dumped
states_in() {
	awk '$1 " " $2 == "VRRP Instance" { name = $4 } $1 == "State" && name != "" { print "state", name, $3; name = "" }' "$1"
}

# ask_states: sets $states to what keepalived says now; false when it does not say it
ask_states() {
	pid_in vrrp.pid
	runs_as "$pid" keepalived && takes_signal "$pid" "$USER_1" || return 1
	rm -f "$DUMPED"
	kill -s USR1 "$pid" 2>/dev/null || return 1
	uptime
	limit=$((now + STATES_SECONDS))
	until grep -qs '^------< Interfaces' "$DUMPED"; do
		uptime
		[ "$now" -le "$limit" ] && [ "$stop_asked" -eq 0 ] || return 1
		sleep 0.02
	done
	states=$(states_in "$DUMPED")$NEWLINE
	rm -f "$DUMPED"
}
