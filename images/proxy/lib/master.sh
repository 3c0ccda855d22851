# shellcheck shell=sh
# HAProxy's master process: asking it, and through it the worker that accepts connections (HAProxy's management guide, "Master CLI").
# Offers: say_to_master, ask_master, check_worker

readonly ANSWER_SECONDS=3 # a worker answers within some ms; one that is stopped does not

readonly MASTER_SOCKET="$RUNTIME_DIR/master.sock"

# say_to_master SECONDS COMMAND: prints the answer, which is none when the master's connections end meanwhile; false when nobody listens,
# or nothing is said in that time
say_to_master() {
	# -N: HAProxy answers, and then waits for more unless it is told that there is none.
	echo "$2" | timeout -k 1 "$1" nc -N -U "$MASTER_SOCKET" 2>/dev/null 3>&- 9>&-
}

# ask_master SECONDS COMMAND: prints the answer; false when there is none in that time. During a start and a reload nobody listens for a
# moment: it asks again then.
ask_master() {
	uptime
	limit=$((now + $1))
	until answer=$(say_to_master "$1" "$2") && [ -n "$answer" ]; do
		uptime
		[ "$now" -lt "$limit" ] || return 1
		sleep 0.1
	done
	printf '%s\n' "$answer"
}

# check_worker: for the liveness probe: true when the worker that accepts connections answers. The system accepts connections for one
# that hangs, so that its socket alone says nothing.
check_worker() {
	ask_master "$ANSWER_SECONDS" '@1 show version' | grep -q '^[0-9]' && return 0
	log error "HAProxy's worker does not answer" seconds="$ANSWER_SECONDS"
	return 1
}
