# shellcheck shell=sh
# Time, and processes by their number: whether one runs, waiting for its end, ending it. For any supervised process.
# Offers: uptime, hundredths, alive, runs_as, pid_in, takes_signal, wait_for_end, end, interruptible

# uptime: sets $now to whole seconds that no change of the clock moves
uptime() {
	read -r now _ </proc/uptime
	now=${now%%.*}
}

# state_of PID: sets $state to the letter of /proc/PID/stat, empty when there is no such process
state_of() {
	state=''
	{ read -r state <"/proc/$1/stat"; } 2>/dev/null || return 0
	state=${state##*) }
	state=${state%% *}
}

# alive PID: true when it runs; a zombie does not. Sets $state.
alive() {
	[ -n "$1" ] || return 1
	state_of "$1"
	[ -n "$state" ] && [ "$state" != Z ] && [ "$state" != X ]
}

# runs_as PID NAME: true when it runs and has this name; the kernel gives the numbers of ended processes to others
runs_as() {
	alive "$1" || return 1
	command_name=''
	{ read -r command_name <"/proc/$1/comm"; } 2>/dev/null
	[ "$command_name" = "$2" ]
}

# pid_in FILE: sets $pid to what the file in PID_DIR says, empty when there is none
# shellcheck disable=SC2034 # not every supervisor asks
pid_in() {
	pid=''
	{ read -r pid <"$PID_DIR/$1"; } 2>/dev/null || :
}

# takes_signal PID NUMBER: true when it has a handler for the signal, or blocks it until it has. Before, the signal would end it.
takes_signal() {
	while read -r key mask; do
		case $key in
		SigBlk: | SigCgt:) [ $((0x${mask#????????????} >> ($2 - 1) & 1)) -eq 0 ] || return 0 ;;
		esac
	done 2>/dev/null <"/proc/$1/status"
	return 1
}

# hundredths: sets $hundredths to those of a second, as uptime does
hundredths() {
	read -r hundredths _ </proc/uptime
	hundredths=$((${hundredths%%.*} * 100 + 1${hundredths#*.} - 100)) # 08 alone would be octal
}

# wait_for_end PID SECONDS: true when the process has ended in time. To the hundredth, for a pod has as long as such times come to.
wait_for_end() {
	hundredths
	limit=$((hundredths + $2 * 100))
	while alive "$1"; do
		hundredths
		[ "$hundredths" -lt "$limit" ] || return 1
		sleep 0.02
	done
}

# end PID SECONDS: SIGTERM, and SIGKILL when it has not ended after that time
end() {
	kill -s TERM "$1" 2>/dev/null
	wait_for_end "$1" "$2" && return 0
	log error "a process does not end on SIGTERM: killing it" pid="$1"
	kill -s KILL "$1" 2>/dev/null
	wait_for_end "$1" 1
}

# interruptible COMMAND...: runs it with its number in $step_pid, so that a trap can end it. For the helper processes: their end
# must also end what they just wait for.
interruptible() {
	"$@" &
	step_pid=$!
	wait "$step_pid" 2>/dev/null # or the shell would print "Terminated"
}
