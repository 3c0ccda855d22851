# shellcheck shell=sh
# The sidecar's pulse: a helper process asks once a second whether the sidecar answers, and writes a track file that lets this node
# serve last while it does not. It does what a track_script of keepalived would. That one cannot run here: keepalived 2.3 calls
# setgroups before every script, that needs CAP_SETGID, and without it the script counts as successful without having run.
# Offers: make_track_directory, begin_pulse, is_sidecar_silent, keep_watcher, stop_watcher

readonly MISSED_ANSWERS=3 # of the sidecar, one a second, before its node serves last
readonly TRACK_DIR="$RUNTIME_DIR/track"

watcher_pid=''

# make_track_directory: unless there is one. Whoever comes first makes it: the sidecar's decisions may already be in it.
make_track_directory() {
	real_runtime=$(cd "$RUNTIME_DIR" && pwd -P)
	[ ! -L "$TRACK_DIR" ] && [ -d "$TRACK_DIR" ] || make_own d "$TRACK_DIR" 1777
}

# pulse_line: sets $pulse_file, $pulse_weight and $pulse_url from the running configuration's comment
# "#! pulse <file below track> <weight> <url>"; false when it has none
pulse_line() {
	pulse_file=''
	while read -r mark word pulse_file pulse_weight pulse_url; do
		[ "$mark $word" = '#! pulse' ] && break
		pulse_file=''
	done 2>/dev/null <"$RUNNING"
	case $pulse_file in
	'' | */* | .*) return 1 ;;
	esac
	pulse_file=$TRACK_DIR/$pulse_file
}

# write_pulse VALUE WRITER: only on change, in one step: keepalived reads the file on each change of the directory
write_pulse() {
	written=''
	[ -f "$pulse_file" ] && [ ! -L "$pulse_file" ] && { read -r written <"$pulse_file"; } 2>/dev/null
	[ "$written" != "$1" ] || return 0
	echo "$1" >"$PRIVATE/pulse.$2" || return # the volume may be full
	(
		# The track directory may be the sidecar's: what the shell is in can no longer be replaced by a link.
		cd "$TRACK_DIR" 2>/dev/null && [ "$(pwd -P)" = "$real_runtime/track" ] &&
			mv -fT "$PRIVATE/pulse.$2" "${pulse_file##*/}"
	)
}

# begin_pulse: makes the track file, unless there is one, before keepalived starts and reads it
begin_pulse() {
	pulse_line && [ ! -e "$pulse_file" ] && write_pulse 0 starter
}

# is_sidecar_silent: true when it has not answered for as long as makes its node serve last, or when nobody asks it
is_sidecar_silent() {
	pulse_line || return 0
	silence=0
	[ -f "$pulse_file" ] && [ ! -L "$pulse_file" ] && { read -r silence <"$pulse_file"; } 2>/dev/null
	[ "$silence" != 0 ]
}

# ask_sidecar: one question; any other answer than 200 counts as none: a sidecar that has not decided anything yet answers 503, and
# what is in the track files is then the word of one that is dead
ask_sidecar() {
	if interruptible curl -q -gfs -o /dev/null -m 0.8 --proto =http --url "$pulse_url"; then
		[ "$missed" -lt "$MISSED_ANSWERS" ] || log info "the sidecar is back" url="$pulse_url"
		missed=0
		write_and_wake 0
		return
	fi
	missed=$((missed + 1))
	[ "$missed" -ge "$MISSED_ANSWERS" ] || return 0
	[ "$missed" -gt "$MISSED_ANSWERS" ] ||
		log error "the sidecar is silent or knows nothing yet: this node serves last until that changes" url="$pulse_url" weight="$pulse_weight"
	write_and_wake "$pulse_weight"
}

# write_and_wake VALUE: writes the pulse, and has the supervisor look: addresses on lo depend on it (loopback.sh)
write_and_wake() {
	write_pulse "$1" watcher
	[ "$written" = "$1" ] || echo pulse >"$REQUESTS"
}

# watch_sidecar: what the helper process does, as long as the supervisor lives
watch_sidecar() {
	trap 'kill "$step_pid" 2>/dev/null; exit 0' TERM
	missed=0
	while alive "$$"; do
		pulse_line && ask_sidecar
		interruptible sleep 1
	done
}

# keep_watcher: starts the helper process unless it runs
keep_watcher() {
	alive "$watcher_pid" && return 0
	watch_sidecar 3>&- 9>&- &
	watcher_pid=$!
}

# stop_watcher: ends it
stop_watcher() {
	[ -z "$watcher_pid" ] || kill -s TERM "$watcher_pid" 2>/dev/null
}
