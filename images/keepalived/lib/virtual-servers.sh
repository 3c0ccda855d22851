# shellcheck shell=sh
# Virtual servers: services of IPVS, by which the kernel balances what comes to a virtual address. The sidecar says in a file which there
# are to be (virtual-servers.awk says what may be in it). The table is kept by a keepalived of its own, which has nothing to do with VRRP:
# that one must not end where the kernel has no IPVS, nor be reloaded whenever a server comes or goes. It runs only while this node holds an
# address: two nodes with a table send each other packets in circles.
# Offers: begin_virtual_servers, keep_virtual_servers, leave_virtual_servers, virtual_server_status, ask_ipvs, planned

need "$PARTS/virtual-servers.awk"

readonly SERVERS="$RUNTIME_DIR/virtual-servers"
readonly IPVS_CONF="$PRIVATE/ipvs.conf"
readonly IPVS_FILE=/proc/net/ip_vs
readonly SERVICES="$STATE_DIR/ipvs-services" # lines "ADDRESS PORT" of what is in the table, on the host: a killed keepalived leaves it there
readonly IPVS_MARK="$STATE_DIR/ipvs"         # there while anything of this is in force, on the host
readonly IPVS_CHILD=ipvs-checkers.pid        # in PID_DIR: of that keepalived's child, which fills the table
readonly IPVS_SECONDS=5                      # until ipvsadm has answered; it takes some 5 ms
readonly IPVS_END_SECONDS=6                  # keepalived itself gives its child 5 s
readonly IPVS_START_SECONDS=60               # until the table has what keepalived was told; it takes some 20 ms, but not where a node stands still

ipvs_pid=''
told=''                  # the configuration that the keepalived of the table has, or will read at its start
told_services=''         # as services prints them: those in it
table_due=0              # uptime in seconds until when keepalived may still be putting that there; 0: it has
ipvs_plan=''             # what is in force, as virtual-servers.awk printed it
ipvs_asked=''            # 1 once the kernel was asked for IPVS, which makes it load the module if it has one
virtual_servers=none     # none, applied, partly, unavailable, refused or failed
virtual_servers_said=''  # why not applied, in lines

# note_virtual_servers STATE REASONS: for the status
note_virtual_servers() {
	[ "$1 $2" != "$virtual_servers $virtual_servers_said" ] || return 0
	virtual_servers=$1
	virtual_servers_said=$2
	if [ -z "$2" ]; then
		log info "virtual servers: $1"
	else
		log error "virtual servers: $1" said="$(printf '%s' "$2" | paste -s -d '|' | sed 's/|/; /g')"
	fi
	write_status
}

# virtual_server_status: prints lines of the status file
virtual_server_status() {
	[ -n "$REDIRECT_TABLE" ] || return 0
	echo "virtual_servers=$virtual_servers"
	[ -z "$virtual_servers_said" ] || printf '%s\n' "$virtual_servers_said" | head -n 20 | sed 's/^/virtual_servers_message=/'
}

# --- what there is to be -------------------------------------------------------------------------------------------------

# has_ipvs: true where the kernel has IPVS. Asking for it makes the kernel load the module, without any right of this container's.
has_ipvs() {
	[ ! -e "$IPVS_FILE" ] || return 0
	[ -z "$ipvs_asked" ] || return 1
	ipvs_asked=1
	ask_ipvs -Ln >/dev/null
	[ -e "$IPVS_FILE" ]
}

# ask_ipvs WORD...: one question or command, with a limit
ask_ipvs() {
	timeout -k 1 "$IPVS_SECONDS" ipvsadm "$@" 2>/dev/null 3>&- 9>&-
}

# make_plan: prints what this node is to do, as virtual-servers.awk says
make_plan() {
	has_ipvs && available=1 || available=0
	{
		[ -z "$process_pid" ] || grep '^#! address ' "$RUNNING"
		ip -o address show
		echo 'what is asked for:'
		read_foreign "$SERVERS" 1 2>/dev/null || echo "${SERVERS##*/} cannot be read"
	} | awk -v available="$available" -f "$PARTS/virtual-servers.awk"
}

# planned TAG: prints the lines of the plan with this tag, without it
planned() {
	printf '%s\n' "$ipvs_plan" | sed -n "s/^$1 //p"
}

# --- the table -----------------------------------------------------------------------------------------------------------

# start_table: starts the keepalived that keeps it
start_table() {
	end_orphan "$IPVS_CHILD" # it would take out what the next one puts there
	rm -f "$PID_DIR/$IPVS_CHILD"
	"$KEEPALIVED" --check -n -l -G -f "$IPVS_CONF" -p "$PID_DIR/ipvs.pid" -c "$PID_DIR/$IPVS_CHILD" 3>&- 9>&- &
	ipvs_pid=$!
	log info "this node holds a virtual server's address: it balances" pid="$ipvs_pid"
}

# is_child PID PARENT
is_child() {
	[ -n "$1" ] && grep -qs "^PPid:[[:space:]]*$2\$" "/proc/$1/status"
}

# end_checkers: ends the keepalived that keeps the table. Its child forgets a SIGTERM that comes while it starts; its parent would then wait in vain
# for 5 s, with the services in the table. So the child is killed: there is nothing that it must do.
end_checkers() {
	for _ in 1 2 3 4 5; do
		kill -s TERM "$ipvs_pid" 2>/dev/null
		wait_for_end "$ipvs_pid" 1 && return 0
		pid_in "$IPVS_CHILD"
		! is_child "$pid" "$ipvs_pid" || kill -s KILL "$pid" 2>/dev/null
	done
	end "$ipvs_pid" "$IPVS_END_SECONDS"
}

# end_table: the services go at once, then the keepalived that kept them, and then what it put there meanwhile, because it had just begun
end_table() {
	remove_services
	if [ -n "$ipvs_pid" ]; then
		end_checkers
		end_orphan "$IPVS_CHILD"
		remove_services
		ipvs_pid=''
		log info "this node balances no more"
	fi
	rm -f "$SERVICES" "$PID_DIR/$IPVS_CHILD"
}

# bracketed ADDRESS: as ipvsadm reads one with a port
bracketed() {
	case $1 in
	*:*) echo "[$1]" ;;
	*) echo "$1" ;;
	esac
}

# services: prints "ADDRESS PORT" of those that are planned
services() {
	planned conf | sed -n 's/^virtual_server \([^ ]*\) \([^ ]*\) {$/\1 \2/p'
}

# remove_services: takes out of the table what this release put there
remove_services() {
	[ -s "$SERVICES" ] || return 0
	while read -r address port; do
		ask_ipvs -D -t "$(bracketed "$address"):$port"
	done <"$SERVICES"
}

# is_table_there: true when the kernel has every service that there is to be, or gives no answer
is_table_there() {
	table=$(ask_ipvs -Sn) || return 0
	services >"$PRIVATE/services"
	while read -r address port; do
		case $table in
		*"-A -t $(bracketed "$address"):$port "*) ;;
		*) return 1 ;;
		esac
	done <"$PRIVATE/services"
}

# await_table: keepalived has just been told of other services than before
await_table() {
	uptime
	table_due=$((now + IPVS_START_SECONDS))
	told_services=$(services)
}

# reload_table: has it read its configuration again, if it listens already; else it is told the next time
reload_table() {
	takes_signal "$ipvs_pid" "$HANGUP" && kill -s HUP "$ipvs_pid" 2>/dev/null
}

# keep_table: has the table as planned
keep_table() {
	conf=$(planned conf)
	if [ -z "$conf" ]; then
		end_table
		return 0
	fi
	conf="global_defs {
    script_user root
}
$conf"
	services >"$SERVICES"
	if alive "$ipvs_pid"; then
		[ "$conf" != "$told" ] || return 0
		printf '%s\n' "$conf" >"$IPVS_CONF" && reload_table && told=$conf || return 0
		# What is there stays there meanwhile.
		[ "$(services)" = "$told_services" ] || await_table
		return 0
	fi
	# tini sends SIGTERM to the whole group, so also to this keepalived: with a new one, this node and the next holder would have a table.
	[ "$stop_asked" -eq 0 ] || return 0
	told=$conf
	await_table
	[ -z "$ipvs_pid" ] || log warn "the keepalived that keeps the table of IPVS ended: starting it again" pid="$ipvs_pid"
	printf '%s\n' "$conf" >"$IPVS_CONF" && start_table
}

# repair_table: where somebody else emptied it, keepalived does not notice. One that was told something just now has its time: that it takes
# signals does not mean that its child has read the configuration. To end it would reset clients that it has just begun to balance.
repair_table() {
	[ -n "$ipvs_pid" ] || return 0
	if is_table_there; then
		table_due=0
		return 0
	fi
	uptime
	[ "$now" -gt "$table_due" ] || return 0
	said_lately "the table of IPVS" ||
		log warn "the table of IPVS lacks what keepalived put there: putting it there again; if this repeats, something else on this node removes it"
	end_table
	keep_table
}

# --- the order of things -------------------------------------------------------------------------------------------------

# apply_plan PLAN: what others rely on comes first: the address must not be there before ARP is right
apply_plan() {
	ipvs_plan=$1
	said=''
	printf '' >"$IPVS_MARK"
	# On a take-over the table comes before all else, which is as it was.
	[ "$virtual_servers" != applied ] || keep_table
	set_sysctls
	keep_real_server
	keep_table
	repair_table
	keep_synchronised
	said="$(planned '#')$said"
	if [ -n "$said" ]; then note_virtual_servers partly "${said#"$NEWLINE"}"; else note_virtual_servers applied ''; fi
}

# keep_virtual_servers: looks at what is asked for and at what is there, and puts right what differs. A file that is wrong changes nothing,
# nor does one that is not there, when the sidecar has not said anything yet, nor a keepalived that does not run: which addresses there are
# is not known then.
keep_virtual_servers() {
	can_redirect && [ -n "$process_pid" ] && { [ -e "$SERVERS" ] || [ -L "$SERVERS" ]; } || return 0
	plan=''
	[ -f "$SERVERS" ] && [ ! -s "$SERVERS" ] || plan=$(make_plan) || return 0
	# tini sends SIGTERM to the whole group, so also to the commands above, which then have not said what there is to be.
	[ "$stop_asked" -eq 0 ] || return 0
	case $plan in
	'')
		[ ! -e "$IPVS_MARK" ] || end_virtual_servers
		note_virtual_servers none ''
		;;
	'! '*) note_virtual_servers refused "$(printf '%s\n' "$plan" | sed 's/^! //')" ;;
	'# the kernel of this node has no IPVS'*)
		[ ! -e "$IPVS_MARK" ] || end_virtual_servers
		note_virtual_servers unavailable "${plan#\# }"
		;;
	*) apply_plan "$plan" ;;
	esac
}

# begin_virtual_servers: takes out of the table what a killed predecessor left there
begin_virtual_servers() {
	can_redirect || return 0
	remove_services
	rm -f "$SERVICES" "$PID_DIR/$IPVS_CHILD"
}

# end_virtual_servers: all of it goes, and what was set is set back
end_virtual_servers() {
	ipvs_plan=''
	end_table
	keep_synchronised
	keep_real_server
	put_sysctls_back
	rm -f "$IPVS_MARK"
}

# leave_virtual_servers: on the end of this container, the table goes. What makes this node a server behind another holder's stays: its API
# server goes on, and packets that are sent to it must not be lost until the next container of this pod is there.
leave_virtual_servers() {
	[ -n "$ipvs_plan" ] || return 0
	ipvs_plan=$(printf '%s\n' "$ipvs_plan" | grep -v '^conf \|^sync ')
	end_table
	keep_synchronised
}
