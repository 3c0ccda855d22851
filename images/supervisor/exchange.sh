# shellcheck shell=sh
# The runtime directory, through which the sidecar and the supervisor talk: the names in it, and how to read and write there
# safely. For any supervised process: each has a runtime directory of its own.
# Offers: make_exchange, make_own, replace, is_mine, read_foreign, take_request
#
# The sidecar writes there as well, and talks to the whole network: whatever has a name there may be a link, a FIFO or huge.
# - The directory is sticky: the sidecar cannot replace what is the supervisor's.
# - What the supervisor writes is made in a folder of its own and then renamed: a rename follows no link.
# - What the sidecar wrote is read by dd, which has options to follow no link and not to wait for the writer of a FIFO.

readonly PRIVATE="$RUNTIME_DIR/.supervisor" # in the same volume as what is published from it: only there a rename is one step
readonly PID_DIR="$RUNTIME_DIR/pid"
readonly REQUESTS="$RUNTIME_DIR/supervisor.request"

# make_exchange: the directories, and the FIFO of requests; false when one cannot be made
make_exchange() {
	mkdir -p "$RUNTIME_DIR" "$STATE_DIR" || return 1
	chmod 1777 "$RUNTIME_DIR" 2>/dev/null # it is the kubelet's, and so root's
	make_own d "$PRIVATE" 700 && make_own d "$PID_DIR" 755 && make_own p "$REQUESTS"
}

# make_own KIND PATH MODE: makes a directory (d) or a FIFO (p, which anybody may write to), unless there is one of this user's own
make_own() {
	# shellcheck disable=SC3067 # dash, the image's sh, knows -O
	[ ! -L "$2" ] && [ -O "$2" ] && test "-$1" "$2" && return 0
	rm -rf "$2" 2>/dev/null # a folder with something in it may be another user's
	if [ -e "$2" ]; then mv -fT "$2" "$2.strange" || return 1; fi
	if [ "$1" = p ]; then (umask 0 && mkfifo "$2"); else mkdir -m "$3" "$2"; fi
}

# replace FILE PATH: renames FILE to PATH, whatever is there. A signal to the whole group may end mv when it is done: then PATH is right,
# and is not to be moved away as something strange.
replace() {
	[ -e "$1" ] || return 1
	mv -fT "$1" "$2" 2>/dev/null && return 0
	[ -e "$1" ] || return 0
	[ ! -d "$2" ] || mv -fT "$2" "$2.strange" 2>/dev/null
	mv -fT "$1" "$2"
}

# is_mine FILE: true for a file of this user's, which the sidecar cannot have written
is_mine() {
	# shellcheck disable=SC3067 # as above
	[ -f "$1" ] && [ ! -L "$1" ] && [ -O "$1" ]
}

# read_foreign FILE BLOCKS: prints what the sidecar wrote, at most so many times 64 KiB
read_foreign() {
	dd if="$1" iflag=nofollow,nonblock,fullblock bs=64K count="$2" status=none
}

# take_request FILE: true when the sidecar asks for something by making this file; removes it
take_request() {
	[ -f "$1" ] && [ ! -L "$1" ] && rm -f "$1"
}
