# shellcheck shell=sh
# HAProxy as a program: testing a configuration with it, starting it, reloading it, ending it.
# Offers: check_stop_seconds, haproxy_version, test_configuration, keep_previous, start_haproxy, reload_haproxy, repeat_reload, end_haproxy

readonly TEST_SECONDS=10     # a test of a configuration takes some 50 ms
readonly RELOAD_SECONDS=20   # as the master's answer to "reload" tells how it went, it comes when the new worker is there
readonly TERMINATE_SECONDS=2 # without regard for connections it ends within some ms

# Between a reload that failed and the next, which may fail as well: doubled each time. While HAProxy tries to have a port that it cannot
# have, it refuses connections on the others for a second.
readonly FIRST_WAIT=60 LONGEST_WAIT=3600

readonly BACKENDS="$RUNTIME_DIR/backends.cfg" # the sidecar's: read as it is at a test, at a start and at a reload
readonly PREVIOUS="$PRIVATE/previous"         # the configuration that ran before the one that is put in place

workers=0         # how many were started
worker_sha=''     # of the configuration of the newest one
reload_failure='' # lines: what HAProxy said when it could not be reloaded
reload_failed_at=0
reload_wait=0

# check_stop_seconds: replaces a bad STOP_SECONDS
check_stop_seconds() {
	case $STOP_SECONDS in
	'' | *[!0-9]*)
		log error "STOP_SECONDS is not a number of seconds: taking 5" given="$STOP_SECONDS"
		STOP_SECONDS=5
		;;
	esac
}

# haproxy_version: prints it, such as 3.0.11-1+deb13u5
haproxy_version() {
	"$HAPROXY" -v 2>&1 | sed -n '1s/^HAProxy version \([^ ]*\).*/\1/p'
}

# complaints: of what HAProxy prints, what is wrong, without the number of the process that found it
complaints() {
	sed -n 's/^\[\(ALERT\|WARNING\)\] *([0-9]*) : /[\1] /p'
}

# test_configuration FILE: HAProxy's own judgement, together with the backends: sets $code to 0 when it is right; what it said goes to
# $SAID
test_configuration() {
	said=$(timeout -k 1 "$TEST_SECONDS" "$HAPROXY" -c -f "$1" -f "$BACKENDS" 2>&1 3>&- 9>&-)
	code=$?
	printf '%s\n' "$said" | complaints >"$SAID"
	[ "$code" -eq 0 ] || [ -s "$SAID" ] || printf '%s\n' "$said" >"$SAID"
	[ "$code" -ne 124 ] || echo "haproxy -c did not end within $TEST_SECONDS s" >>"$SAID"
}

# keep_previous: keeps the configuration that runs, before another is put in place
keep_previous() {
	[ -z "$process_pid" ] || cp "$RUNNING" "$PREVIOUS"
}

# note_worker: there is a new worker, which has the configuration that is in place
note_worker() {
	workers=$((workers + 1))
	worker_sha=$running_sha
	reload_failure=''
	reload_wait=0
}

# start_haproxy: sets $process_pid
start_haproxy() {
	"$HAPROXY" -W -S "$MASTER_SOCKET,mode,600" -f "$RUNNING" -f "$BACKENDS" 3>&- 9>&- &
	process_pid=$!
	note_worker
	log info "started HAProxy" pid="$process_pid" version="$version" config_sha256="$running_sha"
}

# newest_worker: prints the number of the process that has the newest configuration
newest_worker() {
	ask_master "$RELOAD_SECONDS" 'show proc' | sed -n 's/^\([0-9][0-9]*\) *worker *0 .*/\1/p'
}

# reload_outcome WORKER: prints how a reload went whose answer was lost on the way, as the answer does. The master replaces itself at a reload,
# and then knows what became of it, but not always who asked. WORKER was the newest before.
reload_outcome() {
	worker=$(newest_worker)
	if [ -n "$worker" ] && [ "$worker" != "$1" ]; then
		echo 'Success=1'
	else
		ask_master "$ANSWER_SECONDS" 'show startup-logs'
	fi
}

# ask_reload WORKER: asks the master to reload, and prints how it went; nothing when nobody knows. WORKER was the newest before.
ask_reload() {
	answer=$(say_to_master "$RELOAD_SECONDS" reload)
	[ -n "$answer" ] || answer=$(reload_outcome "$1")
	printf '%s\n' "$answer"
}

# is_outcome TEXT: whether it says how a reload went
is_outcome() {
	case $1 in
	Success=1*) return 0 ;;
	*) [ -n "$(printf '%s\n' "$1" | complaints)" ] ;;
	esac
}

# reload_haproxy: has it start a worker with the configuration that is in place now. The old one accepts nothing more and goes on with its
# connections. Where no new one can be started, the old one goes on with everything, and its configuration is put back.
reload_haproxy() {
	before=$(newest_worker)
	said=$(ask_reload "$before")
	# A master that was busy with itself may not have begun. To reload once more does no harm where it has.
	is_outcome "$said" || said=$(ask_reload "$before")
	case $said in
	Success=1*)
		note_worker
		log info "reloaded HAProxy" pid="$process_pid" config_sha256="$running_sha"
		;;
	*) note_failure ;;
	esac
	write_status
}

# note_failure: HAProxy could not be reloaded, as it says in $said
note_failure() {
	uptime
	reload_failed_at=$now
	reload_wait=$((reload_wait == 0 ? FIRST_WAIT : reload_wait * 2 > LONGEST_WAIT ? LONGEST_WAIT : reload_wait * 2))
	reload_failure=$(printf '%s\n' "$said" | complaints | head -n 20)
	reload_failure=${reload_failure:-HAProxy did not say how its reload went}$NEWLINE
	log error "HAProxy could not be reloaded and goes on with the configuration it had" pid="$process_pid" config_sha256="$running_sha" \
		said="$(printf '%s' "$reload_failure" | paste -s -d '|' | sed 's/|/; /g')" again_in_seconds="$reload_wait"
	replace "$PREVIOUS" "$RUNNING"
	running_sha=$worker_sha
}

# repeat_reload: some time after a reload has failed, has the candidate put in place again: the port may be free by now
repeat_reload() {
	[ -n "$reload_failure" ] && [ -n "$process_pid" ] || return 0
	if [ "$checked_sha" = "$running_sha" ]; then
		reload_failure=''
		write_status
		return
	fi
	uptime
	[ $((now - reload_failed_at)) -ge "$reload_wait" ] && [ "$checked_result" = accepted ] || return 0
	checked_sha=''
	check_candidate
}

# end_haproxy: ends it in any case: connections that are still there after STOP_SECONDS are closed. In this order: SIGTERM alone would
# close them all at once (management guide, "Stopping and restarting HAProxy").
end_haproxy() {
	kill -s USR1 "$process_pid" 2>/dev/null
	wait_for_end "$process_pid" "$STOP_SECONDS" && return 0
	log info "closing the connections that are left" pid="$process_pid"
	end "$process_pid" "$TERMINATE_SECONDS"
}
