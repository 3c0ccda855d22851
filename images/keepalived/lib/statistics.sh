# shellcheck shell=sh
# What keepalived counts: having it write that when the sidecar asks, and publishing what it wrote.
# Offers: ask_statistics

readonly COUNTED=/tmp/keepalived.stats # keepalived 2.3 writes there whatever stats_dump_file says, and lets nobody else read it
readonly STATISTICS="$RUNTIME_DIR/keepalived.stats"
readonly STATISTICS_REQUEST="$RUNTIME_DIR/statistics.wanted"

# ask_statistics: publishes what keepalived wrote when it was asked before, which is whole by now; then asks it, if the sidecar asks
ask_statistics() {
	if [ -f "$COUNTED" ]; then
		chmod 644 "$COUNTED" && mv -fT "$COUNTED" "$PRIVATE/statistics" && replace "$PRIVATE/statistics" "$STATISTICS"
	fi
	[ -n "$process_pid" ] && take_request "$STATISTICS_REQUEST" || return 0
	pid_in vrrp.pid
	runs_as "$pid" keepalived && takes_signal "$pid" "$USER_2" && kill -s USR2 "$pid" 2>/dev/null
}
