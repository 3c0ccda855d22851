# shellcheck shell=sh
# What the sidecar is told of BIRD: a file in a volume that the sidecar can read and not write, one for each of the two BIRDs. It has no
# other access to BIRD, which has none to the sidecar.
# Offers: tell, tell_of_sessions

readonly TOLD="$TOLD_DIR/bird.status"
readonly MOST_LINES=4000 # of what BIRD says; a session has some fifty

problem='' # of the configuration, in a sentence; empty when it is in force as it is

# prefixed KEY: prints its input with the key before each line, and without what could be taken for an end of a line
prefixed() {
	head -n "$MOST_LINES" | sed "s/[[:cntrl:]]/?/g; s/^/$1=/"
}

# tell STATE [SAID]: replaces the file: when, in which state BIRD is, what is not as it should be, and what BIRD said. The sidecar may have
# another user.
tell() {
	[ -d "$TOLD_DIR" ] || return 0
	read -r told_at _ </proc/uptime
	(
		umask 022
		{
			printf 'uptime=%s\nstate=%s\n' "$told_at" "$1"
			printf '%s\n' "$problem" "$password_problems" | sed '/^$/d' | prefixed message
			printf '%s\n' "${2-}" | sed '/^$/d' | prefixed bird
		} >"$TOLD.new"
	) && mv -f "$TOLD.new" "$TOLD"
}

# tell_of_sessions bgp|bfd: asks BIRD for its sessions, and tells of them
tell_of_sessions() {
	case $1 in
	bfd) set -- bfd sessions ;;
	*) set -- protocols all ;;
	esac
	if said=$(timeout "$ANSWER_SECONDS" birdcl -s "$SOCKET" show "$@" 2>/dev/null); then
		tell running "$said"
	else
		tell silent
	fi
}
