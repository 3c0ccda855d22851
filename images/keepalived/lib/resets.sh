# shellcheck shell=sh
# Telling clients of an address that their connections are gone with the node that held it before: reset-connections does it, and finds out
# who the clients are whose connections go on to pods. The sidecar asks for either by a socket. Both run beside keepalived, and are started
# again when they end.
# Offers: keep_resetters, end_resetters

readonly RESETS="$RUNTIME_DIR/resets" # a folder of its own, which the sidecar cannot write to: nobody but root makes its socket
ask_pid=''
list_pid=''

# keep_resetters: starts them where they are wanted, unless they run
keep_resetters() {
	[ "$RESET_CONNECTIONS" = true ] || return 0
	keep_resetter ask "$ask_pid" && ask_pid=$resetter_pid
	keep_resetter list "$list_pid" && list_pid=$resetter_pid
}

# keep_resetter WORK PID: starts one, unless it runs; sets $resetter_pid
keep_resetter() {
	resetter_pid=$2
	alive "$resetter_pid" && return 0
	if [ -n "$resetter_pid" ]; then
		wait "$resetter_pid"
		code=$?
		said_lately "reset-connections $1 $code" ||
			log error "what resets connections ended: starting it again" work="$1" exit_code="$code"
	fi
	make_own d "$RESETS" 755 || return 1
	reset-connections "$1" "$RESETS/$1" "$RUNNING" 3>&- 8>&- 9>&- &
	resetter_pid=$!
}

# end_resetters: ends them; the addresses are going
end_resetters() {
	for pid in $ask_pid $list_pid; do
		kill -s TERM "$pid" 2>/dev/null
	done
	ask_pid=''
	list_pid=''
}
