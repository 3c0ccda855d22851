# shellcheck shell=sh
# keepalived as a program: testing a configuration with it, starting it, reloading it, ending it.
# Offers: make_notifications, keepalived_version, test_configuration, start_keepalived, reload_keepalived, reload_if_due, end_keepalived, end_orphan,
#   end_predecessor, check_vrrp

readonly TEST_SECONDS=5    # a test of a configuration takes some 10 ms
readonly START_SECONDS=2   # until it listens to signals; it takes some 20 ms
readonly ORDERLY_SECONDS=2 # keepalived ends within 1.1 s
readonly STOP_SECONDS=6    # keepalived itself gives its children 5 s
readonly ORPHAN_SECONDS=3  # a child of keepalived's ends itself some ms after its parent was killed

# signal(7): the first 16 have the same numbers everywhere but on MIPS, Alpha and SPARC
readonly HANGUP=1 USER_1=10 USER_2=12

reload_due='' # 1 while keepalived has not been told of its configuration yet, because it was still starting

readonly NOTIFICATIONS="$RUNTIME_DIR/notify.fifo"

# make_notifications: the FIFO through which keepalived notifies the sidecar of its states; false when it cannot be made
make_notifications() {
	make_own p "$NOTIFICATIONS"
}

# keepalived_version: prints it, such as 2.3.3
keepalived_version() {
	"$KEEPALIVED" --version 2>&1 | sed -n '1s/^Keepalived v\([^ ]*\).*/\1/p'
}

# test_configuration FILE: keepalived's own judgement: sets $code to 0 when it is right; what it said goes to $SAID
test_configuration() {
	timeout -k 1 "$TEST_SECONDS" "$KEEPALIVED" -t -P -f "$1" >"$SAID" 2>&1 3>&- 9>&-
	code=$?
	[ "$code" -ne 124 ] || echo "keepalived -t did not end within $TEST_SECONDS s" >>"$SAID"
}

# start_keepalived: sets $process_pid
start_keepalived() {
	rm -f "$PID_DIR/keepalived.pid" "$PID_DIR/vrrp.pid" "$PID_DIR/checkers.pid" "$PID_DIR/bfd.pid"
	"$KEEPALIVED" --vrrp -n -l -G -f "$RUNNING" -p "$PID_DIR/keepalived.pid" -r "$PID_DIR/vrrp.pid" \
		-c "$PID_DIR/checkers.pid" -b "$PID_DIR/bfd.pid" 3>&- 9>&- &
	process_pid=$!
	reload_due=''
	log info "started keepalived" pid="$process_pid" version="$version" config_sha256="$running_sha"
}

# is_up: true when keepalived's two processes listen to signals
is_up() {
	pid_in vrrp.pid
	[ -n "$pid" ] && takes_signal "$pid" "$HANGUP" && takes_signal "$process_pid" "$HANGUP"
}

# wait_until_up: waits for that, but START_SECONDS at most; false when keepalived ended instead
wait_until_up() {
	uptime
	limit=$((now + START_SECONDS))
	until is_up || [ "$now" -gt "$limit" ]; do
		alive "$process_pid" || return 1
		sleep 0.02
		uptime
	done
}

# reload_keepalived: has it read its configuration again, at once or when it has started
reload_keepalived() {
	reload_due=1
	reload_if_due
}

# reload_if_due: does what reload_keepalived could not do yet. SIGHUP would end a keepalived that does not listen to it.
reload_if_due() {
	[ -n "$reload_due" ] || return 0
	wait_until_up || return 0 # its end is dealt with where it is waited for
	is_up || return 0
	reload_due=''
	kill -s HUP "$process_pid"
	log info "reloaded keepalived" pid="$process_pid" config_sha256="$running_sha"
}

# end_keepalived: ends it in any case. Its VRRP process forgets a SIGTERM that comes while it starts, which tini may send to both
# at once; its parent would then wait in vain and kill it after 5 s, with the address on.
end_keepalived() {
	if wait_until_up; then
		kill -s TERM "$process_pid" 2>/dev/null
		wait_for_end "$process_pid" "$ORDERLY_SECONDS" && return 0
		pid_in vrrp.pid
		runs_as "$pid" keepalived && kill -s TERM "$pid" 2>/dev/null
	fi
	end "$process_pid" "$STOP_SECONDS"
}

# end_orphan FILE: waits for the child of a keepalived, which survives its parent's end for a moment. The one for VRRP must be gone before
# addresses are looked at: it sends the priority-0 advertisement and takes them off by itself.
end_orphan() {
	pid_in "$1"
	runs_as "$pid" keepalived || return 0
	wait_for_end "$pid" "$ORPHAN_SECONDS" || end "$pid" 1
}

# end_predecessor: ends the keepalived of a supervisor that was killed; one can still run only where this is not a pid namespace of its own
end_predecessor() {
	for file in keepalived.pid vrrp.pid ipvs.pid ipvs-checkers.pid; do
		pid_in "$file"
		runs_as "$pid" keepalived || continue
		log warn "stopping the keepalived of a killed predecessor" pid="$pid"
		end "$pid" "$STOP_SECONDS"
	done
}

# check_vrrp: for the liveness probe: true when keepalived's VRRP process works, or has not been started yet
check_vrrp() {
	pid_in vrrp.pid
	[ -z "$pid" ] || works "$pid" "keepalived's VRRP process"
}
