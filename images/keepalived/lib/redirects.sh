# shellcheck shell=sh
# Redirects: what connects to a port of a virtual address gets to the proxy of this node, although another server has that port on every
# address; and the proxy's own port is closed to everybody else. The sidecar says in a file which there are to be (redirects.awk says
# what may be in it), nftables does it, in a table of this release's own.
# Offers: can_redirect, begin_redirects, keep_redirects, end_redirects, redirect_status
#
# The table belongs to a process, nft, which stays for that: the kernel lets nobody else change it, no "flush ruleset" either, and removes
# it when that process is gone, however this container ended. A redirect to a proxy that is no more would keep even the kubelet of this
# node from the API. Linux before 5.12 has no such tables: there it is an ordinary one, which is looked at and removed.

need "$PARTS/redirects.awk"

readonly NFT_SECONDS=5 # until nft has done what it was told; it takes some 10 ms
readonly REDIRECTS="$RUNTIME_DIR/redirects"
readonly RULES="$PRIVATE/redirects.nft"
readonly TO_NFT="$PRIVATE/nft"        # FIFO of the commands for nft
readonly NFT_DID="$PRIVATE/nft.did"   # what it printed
readonly NFT_SAID="$PRIVATE/nft.said" # and complained of

nft_pid=''
table_flags='flags owner;' # empty where the kernel cannot do that
rules=''                   # what nft was told last, and did
listing=''                 # the table as nft printed it when they were put there
redirects=none             # none, applied, partly, refused or failed
redirects_said=''          # why not applied, in lines

# can_redirect: false where no table is given, or none that may be one: then nothing here is done
can_redirect() {
	case $REDIRECT_TABLE in
	'') return 1 ;;
	[!A-Za-z]* | *[!A-Za-z0-9_]*)
		said_lately "REDIRECT_TABLE" ||
			log error "REDIRECT_TABLE is no name of a table: nothing is redirected; give letters, digits and underscores" given="$REDIRECT_TABLE"
		return 1
		;;
	esac
}

# note_redirects STATE REASONS: for the status
note_redirects() {
	[ "$1 $2" != "$redirects $redirects_said" ] || return 0
	redirects=$1
	redirects_said=$2
	if [ -z "$2" ]; then
		log info "redirects: $1" table="$REDIRECT_TABLE"
	else
		log error "redirects: $1" table="$REDIRECT_TABLE" said="$(printf '%s' "$2" | paste -s -d '|' | sed 's/|/; /g')"
	fi
	write_status
}

# redirect_status: prints lines of the status file
redirect_status() {
	[ -n "$REDIRECT_TABLE" ] || return 0
	echo "redirects=$redirects"
	[ -z "$redirects_said" ] || printf '%s\n' "$redirects_said" | head -n 20 | sed 's/^/redirects_message=/'
}

# --- what there is to be -------------------------------------------------------------------------------------------------

# print_redirects: the file that the sidecar writes; no file asks for nothing
print_redirects() {
	[ -e "$REDIRECTS" ] || [ -L "$REDIRECTS" ] || return 0
	read_foreign "$REDIRECTS" 1 2>/dev/null || echo "${REDIRECTS##*/} cannot be read"
}

# print_listeners: "listener ADDRESS PORT USER" of every port that somebody listens on. They come first in these files.
print_listeners() {
	set -- /proc/net/tcp
	[ ! -r /proc/net/tcp6 ] || set -- "$@" /proc/net/tcp6 # IPv6 may be off
	awk 'FNR == 1 { next } $4 != "0A" { nextfile } { split($2, at, ":"); print "listener", at[1], at[2], $8 }' "$@"
}

# make_rules FLAGS: prints the rules for a table with these flags, as redirects.awk says
make_rules() {
	{
		[ -z "$process_pid" ] || cat "$RUNNING"
		printf '%s' "$own_addresses"
		ip -o address show
		print_listeners
		echo 'what is asked for:'
		print_redirects
	} | awk -v table="$REDIRECT_TABLE" -v flags="$1" -f "$PARTS/redirects.awk"
}

# --- nft -----------------------------------------------------------------------------------------------------------------

# start_nft: unless it runs. It opens the FIFO for both directions, so that no writer's end is its own; and it outlives SIGTERM, which tini
# sends to all: the addresses are to go first.
start_nft() {
	alive "$nft_pid" && return 0
	(
		trap '' HUP INT TERM
		exec nft -i <>"$TO_NFT" >>"$NFT_DID" 2>>"$NFT_SAID" 3>&- 8>&- 9>&-
	) &
	nft_pid=$!
}

# tell_nft: has it read $RULES, and waits until it has; false when it complained
tell_nft() {
	printf '' >"$NFT_SAID"
	printf '' >"$NFT_DID"
	make_own p "$TO_NFT" && chmod 600 "$TO_NFT" || return 1
	# Open until nft has answered: what is in a FIFO that nobody has open is lost. In both directions, so that opening waits for nobody.
	exec 8<>"$TO_NFT"
	start_nft
	printf 'include "%s"\nlist table inet %s\n' "$RULES" "$REDIRECT_TABLE" >&8
	await_nft
	exec 8>&-
	[ -s "$NFT_DID" ] && ! nft_complains
}

# nft_complains: true when it said that something is wrong; it also tells that there is no terminal, which it needs none of
nft_complains() {
	grep -q 'Error:' "$NFT_SAID"
}

# await_nft: waits until it has printed something; a nft that does not in time is ended
await_nft() {
	uptime
	limit=$((now + NFT_SECONDS))
	until [ -s "$NFT_DID" ] || nft_complains; do
		uptime
		if ! alive "$nft_pid" || [ "$now" -gt "$limit" ]; then
			echo "Error: nft did not do it within $NFT_SECONDS s" >>"$NFT_SAID"
			end_nft
			return
		fi
		sleep 0.01
	done
}

# end_nft: and with it goes the table, where it is the process's
end_nft() {
	[ -z "$nft_pid" ] || kill -s KILL "$nft_pid" 2>/dev/null
	wait_for_end "$nft_pid" 1
	nft_pid=''
}

# ask_nft WORD...: one question or command, with a limit
ask_nft() {
	timeout -k 1 "$NFT_SECONDS" nft "$@" 2>/dev/null 3>&- 9>&-
}

# is_in_force: true when the table is as it was put there. That of a process is while the process lives.
is_in_force() {
	if [ -n "$table_flags" ]; then alive "$nft_pid"; else [ "$(ask_nft list table inet "$REDIRECT_TABLE")" = "$listing" ]; fi
}

# put_rules FLAGS: makes the rules, with these flags of the table, and puts them in force; false when nft complained
put_rules() {
	table_flags=$1
	desired=$(make_rules "$table_flags")
	printf '%s\n' "$desired" >"$RULES" && tell_nft || return 1
	rules=$desired
	listing=$(cat "$NFT_DID")
}

# remove_rules: the table goes, whose ever it is: nft may have made an ordinary one and not have lived to say so
remove_rules() {
	rules=''
	end_nft
	ask_nft delete table inet "$REDIRECT_TABLE" || :
}

# --- the order of things -------------------------------------------------------------------------------------------------

# apply_rules: puts the rules in force that there are to be
apply_rules() {
	[ -z "$rules" ] || is_in_force || log warn "the redirects were gone: putting them there again" table="$REDIRECT_TABLE"
	if ! put_rules "$table_flags"; then
		complaint=$(grep 'Error:' "$NFT_SAID")
		if [ -z "$table_flags" ]; then
			note_redirects failed "$complaint"
			return 0
		fi
		if ! put_rules ''; then
			table_flags='flags owner;'
			note_redirects failed "$complaint"
			return 0
		fi
		log warn "this kernel has no tables that belong to a process: the redirects are looked at every few seconds" said="$complaint"
	fi
	report_rules
}

# report_rules: what of those asked for is in force
report_rules() {
	case $desired in
	'# '*) note_redirects partly "$(printf '%s\n' "$desired" | sed -n 's/^# //p')" ;;
	*) note_redirects applied '' ;;
	esac
}

# keep_redirects: looks at what is asked for and at what is there, and puts right what differs. A file that is wrong changes nothing.
keep_redirects() {
	can_redirect || return 0
	desired=$(make_rules "$table_flags")
	case $desired in
	'! '*) note_redirects refused "$(printf '%s\n' "$desired" | sed 's/^! //')" ;;
	*'table inet '*)
		if [ "$desired" = "$rules" ] && is_in_force; then report_rules; else apply_rules; fi
		;;
	*)
		[ -z "$nft_pid$rules" ] || remove_rules
		if [ -n "$desired" ]; then report_rules; else note_redirects none ''; fi
		;;
	esac
}

# begin_redirects: removes a table that a killed predecessor left, where that is possible
begin_redirects() {
	can_redirect || return 0
	ask_nft delete table inet "$REDIRECT_TABLE" || :
}

# end_redirects: nothing is redirected any more
end_redirects() {
	can_redirect || return 0
	remove_rules
	redirects=none
	redirects_said=''
}
