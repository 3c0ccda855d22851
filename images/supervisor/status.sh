# shellcheck shell=sh
# The status file: what the supervisor reports to the sidecar, as lines "key=value". For any supervised process: its number and its
# version have keys with its name.
# Offers: write_status, status_of
# Asks of the process: more_status

readonly STATUS="$RUNTIME_DIR/supervisor.status"

# write_status: writes it anew, in one step
write_status() {
	{
		echo "candidate_sha256=$checked_sha"
		echo "result=$checked_result"
		echo "exit_code=$checked_code"
		echo "running_sha256=$running_sha"
		echo "${PROCESS}_pid=$process_pid"
		echo "${PROCESS}_version=$version"
		echo "accepted_total=$accepted"
		echo "rejected_total=$rejected"
		[ -n "$checked_sha" ] && sed 's/^/message=/' "$MESSAGES" 2>/dev/null
		more_status
	} >"$PRIVATE/status"
	replace "$PRIVATE/status" "$STATUS" || [ "$stop_asked" -gt 0 ] ||
		log error "cannot write the status file: the sidecar shows an old one" file="$STATUS"
}

# status_of KEY: sets $value to what the status file says
status_of() {
	value=$(sed -n "s/^$1=//p" "$STATUS" 2>/dev/null)
}
