# shellcheck shell=sh
# A helper process that looks at HAProxy once a second, for what nobody else would do:
# - A worker that hangs is ended together with its master. The kernel goes on to hold its connections open, and accepts new ones for it:
#   clients would wait for their own time limits. Ended, it is started again with its container.
# - While no sidecar does so, connections to servers that are down are closed. HAProxy's own setting for it loses clients.
# Offers: keep_watcher, stop_watcher

readonly ADMIN_SOCKET="$RUNTIME_DIR/admin.sock" # HAProxy's runtime API, of the worker that accepts connections
readonly SIDECAR_PULSE="$RUNTIME_DIR/sidecar.pulse" # another text each second while a sidecar looks after the servers

readonly LOOK_SECONDS=2      # an answer takes some ms
readonly MISSED_LOOKS=2      # one after the other, until the worker counts as hung: the machine may have stood still
readonly SILENT_SECONDS=3    # without another text, until there is no sidecar
readonly DOWN_SECONDS=2      # until no connection can be on its way to a server any more: they go elsewhere after 250 ms
readonly REFUSING_SECONDS=10 # that a server has which refuses: one that ends in order goes on with what it has

watcher_pid=''

# ask_worker COMMAND: sets $answer to what the worker says; false when it neither answers nor refuses in time
ask_worker() {
	# -N: HAProxy answers, and then waits for more unless it is told that there is none.
	answer=$(echo "$1" | timeout -k 1 "$LOOK_SECONDS" nc -N -U "$ADMIN_SOCKET" 2>/dev/null)
	case $? in
	124 | 137) return 1 ;; # timeout(1)
	esac
}

# note_pulse: reads what the sidecar wrote; true while it writes something else now and then
note_pulse() {
	uptime
	pulse=''
	[ -f "$SIDECAR_PULSE" ] && [ ! -L "$SIDECAR_PULSE" ] && { read -r pulse <"$SIDECAR_PULSE"; } 2>/dev/null
	if [ "$pulse" != "$last_pulse" ]; then
		last_pulse=$pulse
		pulse_at=$now
	fi
	[ $((now - pulse_at)) -lt "$SILENT_SECONDS" ]
}

# server_lines: of the answer to "show stat" on stdin, prints "SECTION SERVER SECONDS CHECK STATUS" for each server; STATUS is UP,
# DOWN and others, CHECK what the last check found, SECONDS how long it is in its state (management guide, 9.1)
server_lines() {
	while IFS=, read -r section server _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ status _ _ _ _ _ seconds _ _ _ _ _ _ _ _ _ _ _ _ check _; do
		case $section in
		'' | '#'*) continue ;;
		esac
		check=${check#\* } # while the next check is on its way
		echo "$section $server ${seconds:-0} ${check:--} $status"
	done
}

# may_cut SECONDS CHECK: whether a server that is down for so long may lose its connections
may_cut() {
	case $2 in
	L4CON) [ "$1" -ge "$REFUSING_SECONDS" ] ;;
	*) [ "$1" -ge "$DOWN_SECONDS" ] ;;
	esac
}

# dead_servers LINES: of those of server_lines, prints SECTION/SERVER of each whose connections are to be closed: it is down, and
# another server of its section could take the clients
dead_servers() {
	up=' '
	while read -r section _ _ _ status; do
		case $status in UP*) up="$up$section " ;; esac
	done <<-END
		$1
	END
	while read -r section server seconds check status; do
		case $status in DOWN*) ;; *) continue ;; esac
		case $up in *" $section "*) ;; *) continue ;; esac
		! may_cut "$seconds" "$check" || echo "$section/$server"
	done <<-END
		$1
	END
}

# close_dead: closes the connections of servers that are down, also those that were made while none was up
close_dead() {
	for dead in $(dead_servers "$(printf '%s\n' "$answer" | server_lines)"); do
		twin="${dead%/*}-unchecked/${dead#*/}"
		ask_worker "shutdown sessions server $dead; shutdown sessions server $twin"
		said_lately "closed $dead" ||
			log warn "no sidecar looks after the servers: closed the connections to one that is down" server="$dead"
	done
}

# look: once; sets $missed to how many times the worker did not answer
look() {
	[ -S "$ADMIN_SOCKET" ] || return 0
	note_pulse && is_cared_for=1 || is_cared_for=0
	if ask_worker 'show stat -1 4 -1'; then
		missed=0
		[ "$is_cared_for" -eq 1 ] || close_dead
		return 0
	fi
	missed=$((missed + 1))
	[ "$missed" -ge "$MISSED_LOOKS" ] && alive "$process_pid" || return 0
	log error "HAProxy's worker hangs: ending HAProxy, so that its clients are told" pid="$process_pid" unanswered="$missed"
	kill -s KILL "$process_pid"
}

# watch_haproxy: what the helper process does, as long as the supervisor lives
watch_haproxy() {
	trap 'kill "$step_pid" 2>/dev/null; exit 0' TERM
	step_pid=''
	missed=0
	last_pulse=''
	uptime
	pulse_at=$now
	while alive "$$"; do
		interruptible sleep 1
		look
	done
}

# keep_watcher: starts the helper process, once HAProxy runs, unless it runs already
keep_watcher() {
	[ -n "$process_pid" ] && ! alive "$watcher_pid" || return 0
	watch_haproxy 3>&- 9>&- &
	watcher_pid=$!
}

# stop_watcher: ends it
stop_watcher() {
	[ -z "$watcher_pid" ] || kill -s TERM "$watcher_pid" 2>/dev/null
}
