# shellcheck shell=sh
# Addresses that are where they should not be, or not where they should be, by the states of their instances: finding them, and putting
# them right.
# Offers: check_addresses

readonly ASK_SECONDS=10    # how often to ask for the states because of the same addresses
readonly REPAIR_SECONDS=60 # between two reloads because of an address that is missing
readonly STATES_REQUEST="$RUNTIME_DIR/states.wanted"

misplaced='' # what find_misplaced printed last
asked_at=-1000
repaired_at=-1000

# configured: prints "of <device> <address>/<prefix> <instance>" of the running configuration. The comments of an older sidecar do not
# name the instance, and then there is only one.
configured() {
	only=$(sed -n 's/^vrrp_instance \([^ ]*\) {$/\1/p' "$RUNNING")
	sed -n 's/^#! address \([^ ][^ ]*\) \([^ ][^ ]*\)\( [^ ][^ ]*\)\{0,1\}[[:space:]]*$/of \1 \2\3/p' "$RUNNING" |
		while read -r tag device address instance; do
			echo "$tag $device $address ${instance:-$only}"
		done
}

# find_misplaced: prints what of the addresses does not fit the last known states of their instances, as lines
# "stray|managed|lacking <device> <address>/<prefix> <instance>"
find_misplaced() {
	{
		configured
		printf '%s' "$states"
	} | match_addresses misplaced | sort
}

# remove_stray DEVICE ADDRESS INSTANCE: removes one that somebody added by hand
remove_stray() {
	if ! said=$(ip address del "$2" dev "$1" 2>&1); then
		said_lately "kept $1 $2" ||
			log error "cannot remove an address that this node must not have now: remove it by hand, two nodes may have it" \
				address="$2" device="$1" instance="$3" said="$said"
	elif ! said_lately "removed $1 $2"; then
		log warn "removed an address from a node that must not have it now; somebody else than keepalived had added it" \
			address="$2" device="$1" instance="$3"
	fi
}

# can_have DEVICE ADDRESS: false when it is one of IPv6 and that is off on the interface
can_have() {
	case $2 in
	*:*) ;;
	*) return 0 ;;
	esac
	off=1
	{ read -r off <"/proc/sys/net/ipv6/conf/$1/disable_ipv6"; } 2>/dev/null
	[ "$off" = 0 ]
}

# put_right: does what the lines in $misplaced ask for. Sets $repair to an address that keepalived has to be reloaded for: it never tries
# one again that it could not add, but on a reload it adds and announces it, and keeps all others.
put_right() {
	repair=''
	while read -r what device address instance; do
		case $what in
		stray) remove_stray "$device" "$address" "$instance" ;;
		managed)
			said_lately "managed $device $address" ||
				log error "an address that this node must not have now is kept by somebody else: take it out of what manages the interface" \
					address="$address" device="$device" instance="$instance"
			;;
		lacking)
			if can_have "$device" "$address"; then
				repair=$address
			elif ! said_lately "lacking $device $address"; then
				log error "this node is MASTER and cannot have an address: IPv6 is off on its interface; set disable_ipv6 to 0" \
					address="$address" device="$device" instance="$instance"
			fi
			;;
		esac
	done <<-END
		$misplaced
	END
}

# repair_address ADDRESS: reloads keepalived, but not more often than every REPAIR_SECONDS: if the first reload does not help, the next
# will hardly
repair_address() {
	uptime
	[ $((now - repaired_at)) -ge "$REPAIR_SECONDS" ] || return 0
	repaired_at=$now
	log warn "this node is MASTER and lacks an address: reloading keepalived" address="$1"
	reload_keepalived
}

# must_ask: true when the sidecar asks for the states, or when the addresses do not fit the last ones. keepalived logs a line whenever it
# is asked, so the same addresses are not a reason each time.
must_ask() {
	take_request "$STATES_REQUEST" && return 0
	before=$misplaced
	is_list_wide && return 1 # in a moment keepalived will have done its reload
	misplaced=$(find_misplaced)
	[ -n "$misplaced" ] || return 1
	uptime
	[ "$misplaced" != "$before" ] || [ $((now - asked_at)) -ge "$ASK_SECONDS" ]
}

# check_addresses: asks for the states when there is a reason to, and puts right what does not fit them. It reads the addresses twice
# and asks for the states before each time, so that an instance that has just changed its state is not found to be wrong. If that
# happens all the same, keepalived notices it and holds its election anew.
check_addresses() {
	[ -n "$process_pid" ] && must_ask || return 0
	uptime
	asked_at=$now
	ask_states || return 0
	misplaced=$(find_misplaced)
	if [ -n "$misplaced" ]; then
		first=$misplaced
		sleep 0.3
		ask_states || return 0
		misplaced=$(find_misplaced | grep -Fx "$first")
		put_right
		[ -z "$repair" ] || repair_address "$repair"
	fi
	write_status
}
