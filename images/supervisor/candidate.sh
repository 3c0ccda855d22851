# shellcheck shell=sh
# The configuration that the sidecar offers: reading it, having it checked, putting it in place when it is right, refusing it
# when it is not. For any supervised process.
# Offers: check_candidate, fall_back
# Asks of the process: examine, before_change, start_process, reload_process

readonly MOST_BLOCKS=64   # of 64 KiB in a candidate; one of 255 instances has 400 KiB
readonly RETEST_SECONDS=4 # a refused candidate may become right, e.g. when its interface appears
readonly UNREADABLE=66    # exit code of a candidate that is no file of a sane size; what the process's own checks give differs

readonly CANDIDATE="$RUNTIME_DIR/candidate.conf"
readonly RUNNING="$RUNTIME_DIR/$PROCESS.conf"
readonly SNAPSHOT="$PRIVATE/candidate"
readonly SAID="$PRIVATE/said"         # what the checks say, as they said it
readonly MESSAGES="$PRIVATE/messages" # the same, as the status has it

checked_sha=''
checked_result=''
checked_code=''
checked_at=0
running_sha=''
accepted=0
rejected=0

# sha256 FILE: sets $sha
sha256() {
	sha=$(sha256sum <"$1")
	sha=${sha%% *}
}

# snapshot: makes a copy in $SNAPSHOT and sets $sha, so that what is checked is what will run, even if the sidecar writes the next
# one meanwhile. False, with a reason in $SAID, when it is no file of a sane size.
snapshot() {
	if read_foreign "$CANDIDATE" "$MOST_BLOCKS" 2>"$SAID" >"$SNAPSHOT"; then
		chmod 600 "$SNAPSHOT" && sha256 "$SNAPSHOT"
		tail -c "+$((MOST_BLOCKS * 65536))" "$SNAPSHOT" | grep -q '' || return 0
		echo "${CANDIDATE##*/} is larger than a configuration can be; look at what wrote it" >"$SAID"
	fi
	sha=unreadable
	code=$UNREADABLE
	return 1
}

# is_checked: true when this candidate is the one checked last, and there is no reason to check it again
is_checked() {
	[ "$sha" = "$checked_sha" ] || return 1
	[ "$checked_result" = rejected ] || return 0
	uptime
	[ $((now - checked_at)) -lt "$RETEST_SECONDS" ]
}

# remember RESULT: how the check of the candidate came out; true when it was not the same the last time
remember() {
	is_news=1
	[ "$sha $1 $code" = "$checked_sha $checked_result $checked_code" ] && is_news=0
	checked_sha=$sha
	checked_result=$1
	checked_code=$code
	uptime
	checked_at=$now
	[ "$is_news" -eq 1 ]
}

# keep_messages: what was said of the candidate, for the status file, by the name that its writer knows
keep_messages() {
	sed "s|$SNAPSHOT|${CANDIDATE##*/}|g" "$SAID" | head -n 40 >"$MESSAGES"
}

# put_in_place FILE: makes a checked configuration the running one: starts the process with it, or has it reload
put_in_place() {
	before_change "$1"
	# tini sends SIGTERM to the whole group, so also to the commands above, which then have not done their work.
	[ "$stop_asked" -eq 0 ] || return 0
	if ! replace "$1" "$RUNNING"; then
		log error "cannot put the configuration in place: going on without it" file="$RUNNING"
		return 0
	fi
	running_sha=$sha
	write_status # before it takes effect: before one of its addresses is on an interface, the sidecar must see it on the list
	if [ -n "$process_pid" ]; then reload_process; else start_process; fi
}

accept() {
	remember accepted && accepted=$((accepted + 1))
	if [ "$sha" = "$running_sha" ] && [ -n "$process_pid" ]; then
		rm -f "$SNAPSHOT"
		log info "the candidate is what runs already" config_sha256="$sha"
	else
		put_in_place "$SNAPSHOT"
	fi
}

refuse() {
	rm -f "$SNAPSHOT"
	remember rejected || return 0
	rejected=$((rejected + 1))
	if [ -n "$process_pid" ]; then
		what="$PROCESS goes on with the configuration it has"
	else
		what="$PROCESS is not started"
	fi
	log error "refused the candidate: $what" exit_code="$code" candidate_sha256="$sha" \
		said="$(paste -s -d '|' "$MESSAGES" | sed 's/|/; /g')"
}

# check_candidate: checks the candidate if it is a new one, and puts it in place or refuses it
check_candidate() {
	[ -e "$CANDIDATE" ] || [ -L "$CANDIDATE" ] || return 0
	snapshot && readable=1 || readable=0
	if is_checked; then
		rm -f "$SNAPSHOT"
		return 0
	fi
	[ "$readable" -eq 0 ] || examine "$SNAPSHOT"
	keep_messages
	if [ "$code" -eq 0 ]; then accept; else refuse; fi
	write_status
}

# fall_back: in a restarted container the configuration that ran before serves until there is a better one
fall_back() {
	[ -z "$process_pid" ] && is_mine "$RUNNING" || return 0
	examine "$RUNNING"
	[ "$code" -eq 0 ] || return 0
	log warn "no valid candidate: going on with the configuration that ran before" file="$RUNNING"
	cp "$RUNNING" "$SNAPSHOT" && sha256 "$SNAPSHOT" && put_in_place "$SNAPSHOT"
	write_status
}
