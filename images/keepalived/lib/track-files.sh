# shellcheck shell=sh
# Whether keepalived watches its track files. For that it needs an inotify instance, and a user has few of them on the whole node. Where
# there is none, keepalived takes the gate for closed, says so once, and does not try again; a reload makes it try.
# Offers: keep_watching

readonly BLIND_SECONDS=5 # a reload, in which keepalived watches nothing for a moment, is over by then

blind_since='' # uptime in seconds since when keepalived does not watch its track files
blind_reloads=0

# watches: true when keepalived watches its track files; what cannot be read counts as watched
watches() {
	pid_in vrrp.pid
	[ -n "$pid" ] || return 1
	{ read -r _ <"/proc/$pid/fdinfo/0"; } 2>/dev/null || return 0
	grep -qs '^inotify ' "/proc/$pid/fdinfo/"*
}

# keep_watching: reloads keepalived when it has watched nothing for BLIND_SECONDS, and again after each such time
keep_watching() {
	if [ -z "$process_pid" ] || watches || ! grep -q '^track_file ' "$RUNNING"; then
		[ "$blind_reloads" -eq 0 ] || log info "keepalived watches its track files again"
		blind_since=''
		blind_reloads=0
		return
	fi
	uptime
	blind_since=${blind_since:-$now}
	[ $((now - blind_since)) -ge "$BLIND_SECONDS" ] || return 0
	log error "keepalived cannot watch its track files and takes the gate for closed: reloading it; raise fs.inotify.max_user_instances on this node" \
		pid="$process_pid" limit="$(cat /proc/sys/fs/inotify/max_user_instances)"
	blind_since=$now
	blind_reloads=$((blind_reloads + 1))
	reload_keepalived
}
