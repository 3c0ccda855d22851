# shellcheck shell=sh
# One supervisor a node: a lock in the directory on the host, held until the supervisor ends. For any supervised process.
# Offers: take_lock
#
# During an update, two pods of one release may be on one node for a moment. The second waits: it would take the addresses of the
# first one off.

# take_lock: waits for it as long as it may take; false when the directory cannot be written to
take_lock() {
	printf '' 2>/dev/null >>"$STATE_DIR/lock" || return 1 # a failing exec would end the shell, as would a failing ":" or "true"
	exec 9>>"$STATE_DIR/lock"
	flock -n 9 && return 0
	log warn "another supervisor runs on this node with the same state: waiting until it has ended" file="$STATE_DIR/lock"
	until flock -w 1 9; do :; done
}
