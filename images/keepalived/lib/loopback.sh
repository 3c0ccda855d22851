# shellcheck shell=sh
# Addresses on lo: those that every node has which is fit to serve them, where routers are told of each by a routing daemon that looks at lo.
# The sidecar says in a file which there are to be (loopback.awk says what may be in it); keepalived has nothing to do with them.
# Offers: list_loopback, begin_loopback, keep_loopback, hurry_loopback, end_loopback, loopback_status
#
# What was put there is on a list on the host, so that whoever comes next can take it off after a crash. An address that somebody else put on
# lo is never on the list, and so stays, whatever is asked for. A silent sidecar cannot know whether the node serves: then there is to be none.

need "$PARTS/loopback.awk"

readonly LOOPBACK="$RUNTIME_DIR/loopback"
readonly LOOPBACK_LIST="$STATE_DIR/loopback" # the boot that it is of, then lines "<address>/<prefix>"
readonly LOOPBACK_BLOCKS=8                   # of 64 KiB; 8192 addresses of IPv6 have space in them
readonly LOOPBACK_SEEN="$PRIVATE/loopback.seen" # as old as the last look at what the sidecar asks for
readonly LO_EVENTS="$PRIVATE/lo"             # FIFO of what changes on lo
readonly DEAF_SECONDS=0.1                    # changes that come together are one

loopback=none     # none, applied, partly, refused, or silent
loopback_said=''  # why not applied, in lines
silent=''         # 1 while nothing is put there because the sidecar is silent
lo_monitor_pid='' # of ip, which tells of changes
lo_waker_pid=''   # of who wakes the supervisor for them

# --- the list ------------------------------------------------------------------------------------------------------------

# boot_id: sets $boot; what is on lo does not survive a boot, and what the node has there from then on is its own
boot_id() {
	boot=''
	{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
}

# list_loopback: prints its addresses
list_loopback() {
	boot_id
	{
		read -r boot_of_list && [ "$boot_of_list" = "$boot" ] && grep '' # ends the last line, too, which may have been written in part
	} 2>/dev/null <"$LOOPBACK_LIST"
}

# write_loopback_list: replaces the list by stdin
write_loopback_list() {
	boot_id
	if { echo "$boot" && cat; } >"$LOOPBACK_LIST.new" && mv -f "$LOOPBACK_LIST.new" "$LOOPBACK_LIST"; then
		return 0
	fi
	log error "cannot write the list of addresses on lo: none is put there" file="$LOOPBACK_LIST"
	return 1
}

# --- what there is to be -------------------------------------------------------------------------------------------------

# note_loopback STATE REASONS: for the status
note_loopback() {
	[ "$1 $2" != "$loopback $loopback_said" ] || return 0
	loopback=$1
	loopback_said=$2
	if [ -z "$2" ]; then
		log info "addresses on lo: $1"
	else
		log error "addresses on lo: $1" said="$(printf '%s' "$2" | head -n 20 | paste -s -d '|' | sed 's/|/; /g')"
	fi
	write_status
}

# loopback_status: prints lines of the status file
loopback_status() {
	list_loopback | sed 's/^/listed=lo /'
	echo "loopback=$loopback"
	[ -z "$loopback_said" ] || printf '%s\n' "$loopback_said" | head -n 20 | sed 's/^/loopback_message=/'
}

# asked_loopback: prints the file that the sidecar writes; no file asks for nothing
asked_loopback() {
	[ -e "$LOOPBACK" ] || [ -L "$LOOPBACK" ] || return 0
	read_foreign "$LOOPBACK" "$LOOPBACK_BLOCKS" 2>/dev/null || echo "${LOOPBACK##*/} cannot be read"
}

# on_lo: prints what is there, as loopback.awk takes it
on_lo() {
	ip -o address show dev lo | sed 's/^/here /'
}

# plan_loopback: prints what is to be done, as loopback.awk says; what the sidecar asks for comes on stdin
plan_loopback() {
	{
		list_loopback | sed 's/^/listed /'
		on_lo
		cat
	} | awk -f "$PARTS/loopback.awk"
}

# planned_loopback WORD: prints the addresses of such lines of $loopback_plan
planned_loopback() {
	printf '%s\n' "$loopback_plan" | sed -n "s/^$1 //p"
}

# --- doing it ------------------------------------------------------------------------------------------------------------

# drop_from_lo: takes the addresses of stdin off
drop_from_lo() {
	sed 's/.*/address del & dev lo/' | ip -force -batch - 2>/dev/null
}

# put_on_lo: puts the addresses of stdin on. None is to be the source of the node's own connections: those of IPv4 are for this host alone, those
# of IPv6 deprecated.
put_on_lo() {
	sed -e '/:/s/.*/address add & dev lo preferred_lft 0 nodad/' -e '/:/!s/.*/address add & dev lo scope host/' |
		ip -force -batch - 2>&1 | grep -v '^Command failed' | sort -u
}

# still_on_lo: prints those addresses of stdin that are there
still_on_lo() {
	{ sed 's/^/listed /' && on_lo; } | awk -f "$PARTS/loopback.awk" | sed -n 's/^drop //p'
}

# carry_out_loopback: what $loopback_plan says: what has to go goes first. What was not taken off stays on the list.
carry_out_loopback() {
	left=''
	lacking=''
	drop=$(planned_loopback drop)
	if [ -n "$drop" ]; then
		printf '%s\n' "$drop" | drop_from_lo
		left=$(printf '%s\n' "$drop" | still_on_lo)
	fi
	list=$({
		planned_loopback keep
		printf '%s\n' "$left"
	} | grep . | sort)
	[ "$list" = "$(list_loopback)" ] || printf '%s\n' "$list" | write_loopback_list || return
	add=$(planned_loopback add)
	[ -n "$add" ] || return 0
	reasons=$(printf '%s\n' "$add" | put_on_lo)
	lacking=$(printf '%s\n' "$add" | grep -Fxv -e "$(printf '%s\n' "$add" | still_on_lo)")
}

# tell_loopback: what of it is in force
tell_loopback() {
	complaints=$(
		planned_loopback strange | sed 's/$/ is on lo already, and not by this release: it is left alone, also when this node cannot serve; take it off there/'
		printf '%s\n' "$left" | sed '/./!d; s/$/ cannot be taken off lo: take it off by hand/'
		printf '%s\n' "$lacking" | while read -r address; do
			[ -z "$address" ] || echo "$address cannot be put on lo: ${reasons%%"$NEWLINE"*}"
		done
	)
	if [ -n "$complaints" ]; then
		note_loopback partly "$complaints"
	elif planned_loopback keep | grep -q ''; then
		note_loopback applied ''
	elif [ -n "$silent" ]; then
		note_loopback silent 'the sidecar is silent or knows nothing yet: no address is on lo until that changes'
	else
		note_loopback none ''
	fi
}

# watch_lo: has the supervisor woken when something changes on lo, while something is to be there
watch_lo() {
	if ! planned_loopback keep | grep -q ''; then
		stop_lo_watch
		return
	fi
	alive "$lo_monitor_pid" && alive "$lo_waker_pid" && return 0
	stop_lo_watch
	make_own p "$LO_EVENTS" || return 0
	ip -o monitor address dev lo >"$LO_EVENTS" 2>/dev/null 3>&- 9>&- &
	lo_monitor_pid=$!
	while
		timeout "$DEAF_SECONDS" cat >/dev/null
		echo lo >"$REQUESTS" # also when it has only begun: what was before is not told
		read -r _
	do :; done <"$LO_EVENTS" 3>&- 9>&- &
	lo_waker_pid=$!
}

# stop_lo_watch: ends it
stop_lo_watch() {
	[ -z "$lo_monitor_pid" ] || kill -s TERM "$lo_monitor_pid" 2>/dev/null
	[ -z "$lo_waker_pid" ] || kill -s TERM "$lo_waker_pid" 2>/dev/null
	lo_monitor_pid=''
	lo_waker_pid=''
}

# do_loopback: has lo as $loopback_plan says
do_loopback() {
	before=$(list_loopback)
	watch_lo
	carry_out_loopback
	tell_loopback
	[ "$before" = "$(list_loopback)" ] || write_status
}

# --- the order of things -------------------------------------------------------------------------------------------------

# keep_loopback: looks at what is asked for and at what is there, and puts right what differs. A file that is wrong changes nothing.
keep_loopback() {
	[ -e "$LOOPBACK" ] || [ -e "$LOOPBACK_LIST" ] || return 0
	printf '' >"$LOOPBACK_SEEN"
	silent=''
	if is_sidecar_silent && [ -e "$LOOPBACK" ]; then silent=1; fi
	loopback_plan=$(if [ -z "$silent" ]; then asked_loopback; fi | plan_loopback)
	case $loopback_plan in
	'! '*) note_loopback refused "$(planned_loopback !)" ;;
	*) do_loopback ;;
	esac
}

# hurry_loopback: does it if the sidecar has written since the last look: clients wait for that, and not for the rest of the main loop
hurry_loopback() {
	[ ! "$LOOPBACK" -nt "$LOOPBACK_SEEN" ] || keep_loopback
}

# begin_loopback: takes off what a killed predecessor left and nobody asks for any more; what is still asked for has served all the time
begin_loopback() {
	[ -s "$LOOPBACK_LIST" ] || return 0
	loopback_plan=$(asked_loopback | plan_loopback)
	case $loopback_plan in
	'! '*) loopback_plan=$(plan_loopback </dev/null) ;;
	esac
	loopback_plan=$(printf '%s\n' "$loopback_plan" | sed '/^add /d')
	do_loopback
}

# end_loopback: none of ours is there any more
end_loopback() {
	stop_lo_watch
	[ -e "$LOOPBACK_LIST" ] || return 0
	loopback_plan=$(plan_loopback </dev/null)
	do_loopback
	loopback=none
	loopback_said=''
}
