# shellcheck shell=sh
# The liveness probe: whether the supervisor and its process run. For any supervised process.
# Offers: check, works
# Asks of the process: check_children

# works PID NAME: true when it runs and is not stopped (by SIGSTOP or a debugger): then it would hold the address and do nothing for it
works() {
	alive "$1" && [ "$state" != T ] && [ "$state" != t ] && return 0
	log error "$2 does not run" pid="$1" state="$state"
	return 1
}

# check: true also while the process waits for a configuration
check() {
	pid_in supervisor.pid
	works "${pid:-0}" supervisor || return 1
	status_of "${PROCESS}_pid"
	[ -n "$value" ] || return 0
	works "$value" "$PROCESS" && check_children
}
