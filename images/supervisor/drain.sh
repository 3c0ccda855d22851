# shellcheck shell=sh
# The preStop hook: asks the sidecar to move the address away, and waits for its answer. For any supervised process.
# Offers: drain

readonly DRAIN="$RUNTIME_DIR/drain"
readonly DRAINED="$RUNTIME_DIR/drained"

# drain: always true, also without an answer within DRAIN_TIMEOUT_SECONDS: the pod ends anyway
drain() {
	case $DRAIN_TIMEOUT_SECONDS in
	'' | *[!0-9]*)
		log error "DRAIN_TIMEOUT_SECONDS is not a number of seconds: taking 10" given="$DRAIN_TIMEOUT_SECONDS"
		DRAIN_TIMEOUT_SECONDS=10
		;;
	esac
	pid_in "$PROCESS.pid"
	if ! runs_as "$pid" "$PROCESS"; then
		log info "nothing to drain: $PROCESS does not run"
		return 0
	fi
	[ -e "$DRAIN" ] || rm -rf "$DRAINED"
	if ! printf '' >"$PRIVATE/drain" || ! replace "$PRIVATE/drain" "$DRAIN"; then
		log error "cannot ask the sidecar to drain: going on without" file="$DRAIN"
		return 0
	fi
	uptime
	limit=$((now + DRAIN_TIMEOUT_SECONDS))
	until [ -e "$DRAINED" ]; do
		uptime
		if [ "$now" -ge "$limit" ]; then
			log warn "the sidecar did not answer in time: going on without" seconds="$DRAIN_TIMEOUT_SECONDS"
			return 0
		fi
		sleep 0.05
	done
	answer=$(read_foreign "$DRAINED" 1 2>/dev/null | head -n 1 | head -c 200)
	log info "drained" answer="$answer"
}
