# shellcheck shell=sh
# What the supervisor says: one line on stdout for each event. For any supervised process.
# Offers: log, said_lately

readonly REPEAT_SECONDS=600 # how long not to say the same again
readonly NEWLINE='
'

said_before='' # lines "<uptime> <what was said>"

# log LEVEL TEXT [KEY=VALUE]...: one line. Values may come from others: what could end the line or its quotes is escaped.
log() {
	log_line="time=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ) level=$1 component=supervisor msg=\"$2\""
	shift 2
	for log_pair in "$@"; do
		log_value=${log_pair#*=}
		case $log_value in
		*[\"\\[:cntrl:]]*) log_value=$(printf '%s' "$log_value" | sed 's/["\\]/\\&/g; s/[[:cntrl:]]/?/g' | paste -s -d '?') ;;
		esac
		log_line="$log_line ${log_pair%%=*}=\"$log_value\""
	done
	printf '%s\n' "$log_line"
}

# said_lately TEXT: true when this was asked with the same text within REPEAT_SECONDS; otherwise it remembers the text
said_lately() {
	uptime
	said_before=$(printf '%s' "$said_before" | while read -r said_at said_text; do
		[ $((now - said_at)) -ge "$REPEAT_SECONDS" ] || echo "$said_at $said_text"
	done)$NEWLINE
	case $said_before in
	*" $1$NEWLINE"*) return 0 ;;
	esac
	said_before="$said_before$now $1$NEWLINE"
	return 1
}
