# shellcheck shell=sh
# Settings of the kernel that IPVS needs. What they were is kept on the host until they are set back, also by another container.
# Offers: set_sysctls, put_sysctls_back

SYSCTLS=${SYSCTLS:-/proc/sys} # a container's own is read-only, so that the host's may be mounted elsewhere
readonly SYSCTLS_BEFORE="$STATE_DIR/sysctls"

# sysctl_of PATH: sets $value; false where there is no such setting
sysctl_of() {
	value=''
	{ read -r value <"/proc/sys/$1"; } 2>/dev/null
}

# write_sysctl PATH VALUE
write_sysctl() {
	echo "$2" 2>/dev/null >"$SYSCTLS/$1"
}

# set_sysctls: those of the plan; notes in $said what cannot be set
set_sysctls() {
	planned set >"$PRIVATE/sysctls"
	while read -r path wanted; do
		sysctl_of "$path"
		[ "$value" != "$wanted" ] || continue
		grep -qs "^$path " "$SYSCTLS_BEFORE" || echo "$path $value $wanted" >>"$SYSCTLS_BEFORE"
		write_sysctl "$path" "$wanted" && continue
		said="$said${NEWLINE}$(echo "$path" | sed 's|/|.|g') is ${value:-not there} and cannot be set: set it to $wanted on this node"
	done <"$PRIVATE/sysctls"
	drop_sysctls
}

# drop_sysctls: sets back what is no longer in the plan; what somebody else set to another value since is his
drop_sysctls() {
	[ -s "$SYSCTLS_BEFORE" ] || return 0
	while read -r path before wanted; do
		if grep -q "^$path " "$PRIVATE/sysctls"; then
			echo "$path $before $wanted"
		else
			sysctl_of "$path"
			[ "$value" != "$wanted" ] || write_sysctl "$path" "$before"
		fi
	done <"$SYSCTLS_BEFORE" >"$SYSCTLS_BEFORE.new"
	mv -f "$SYSCTLS_BEFORE.new" "$SYSCTLS_BEFORE"
}

# put_sysctls_back: all of them
put_sysctls_back() {
	printf '' >"$PRIVATE/sysctls"
	drop_sysctls
}
