# shellcheck shell=sh
# The limit on keepalived's use of the processor under real-time priority, which ends one that spins.
# Offers: limit_realtime, check_realtime
#
# keepalived's own vrrp_rlimit_rttime must not do it: on the first reload it sets the limit to 0 and, without CAP_SYS_RESOURCE, never
# gets it up again; the kernel then kills it at the next tick that finds it running. So the supervisor sets the limit, and the
# configuration asks for a higher one: the kernel refuses that from the start, and then keepalived leaves the limit alone.

readonly REALTIME_SOFT=500000 # microseconds of the processor without a pause
readonly REALTIME_HARD=900000 # below the vrrp_rlimit_rttime of the configuration

# limit_realtime: for this process, and so for those that it starts
limit_realtime() {
	prlimit --pid "$$" --rttime="$REALTIME_SOFT:$REALTIME_HARD" ||
		log warn "cannot limit keepalived's use of the processor" limit="$REALTIME_HARD"
}

# check_realtime FILE: warns when a configuration does not ask for more than the limit
check_realtime() {
	grep -q '^[[:space:]]*vrrp_rt_priority' "$1" || return 0
	own_limit=$(sed -n 's/^[[:space:]]*vrrp_rlimit_rttime[[:space:]]*\([0-9][0-9]*\).*/\1/p' "$1" | tail -n 1)
	[ "${own_limit:-0}" -gt "$REALTIME_HARD" ] ||
		log warn "the configuration's vrrp_rlimit_rttime is too low: the kernel may kill keepalived after a reload" \
			given="${own_limit:-none}" needed="more than $REALTIME_HARD"
}
