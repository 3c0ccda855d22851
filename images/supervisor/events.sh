# shellcheck shell=sh
# What wakes the supervisor: a line in the FIFO of requests, the end of its process, a signal, or a few seconds without any.
# For any supervised process.
# Offers: keep_reader, wake, on_child, on_stop
#
# The supervisor waits for a reader process to end, which does so on a line in the FIFO, or after POLL_SECONDS. Traps only make a
# mark and end the reader; the main loop does the work. So no event is slept over: one that comes between the reading of the marks
# and the wait ends what is waited for. And no work is done inside a trap: in dash, a trap within a trap gives the interrupted
# command a wrong exit status.

readonly POLL_SECONDS=5 # how often to poll without being woken: whoever writes a file may not write to the FIFO

reader_pid=''
stop_asked=0 # how many signals asked the supervisor to stop

# keep_reader: starts the reader unless it runs; sets $reader_pid
keep_reader() {
	alive "$reader_pid" && return 0
	timeout --foreground "$POLL_SECONDS" sh -c 'read -r _ <&3' 9>&- &
	reader_pid=$!
}

# wake: ends the reader, and so what the main loop waits for
wake() {
	[ -z "$reader_pid" ] || kill -s TERM "$reader_pid" 2>/dev/null
}

# on_child: the trap of SIGCHLD. It runs between any two commands: what it reads goes to a variable that nothing else uses.
on_child() {
	[ -n "$process_pid" ] || return 0
	child_stat=''
	{ read -r child_stat <"/proc/$process_pid/stat"; } 2>/dev/null
	case ${child_stat##*) } in
	'' | [ZX]*) wake ;;
	esac
}

# on_stop: the trap of SIGTERM, SIGINT and SIGHUP. The first signal asks for an orderly end, the second forces it.
on_stop() {
	stop_asked=$((stop_asked + 1))
	wake
	[ "$stop_asked" -lt 2 ] || [ -z "$process_pid" ] || kill -s KILL "$process_pid" 2>/dev/null
}
