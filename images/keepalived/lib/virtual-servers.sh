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
readonly IPVS_SECONDS=5     # until ipvsadm has answered; it takes some 5 ms
readonly IPVS_END_SECONDS=6 # keepalived itself gives its child 5 s

ipvs_pid=''
told=''                  # the configuration that the keepalived of the table has, or will read at its start
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
	"$KEEPALIVED" --check -n -l -G -f "$IPVS_CONF" -p "$PID_DIR/ipvs.pid" -c "$PID_DIR/ipvs-checkers.pid" 3>&- 9>&- &
	ipvs_pid=$!
	log info "this node holds a virtual server's address: it balances" pid="$ipvs_pid"
}

# end_table: the services go at once, and then the keepalived that kept them
end_table() {
	remove_services
	[ -n "$ipvs_pid" ] || return 0
	end "$ipvs_pid" "$IPVS_END_SECONDS"
	ipvs_pid=''
	log info "this node balances no more"
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
	rm -f "$SERVICES"
}

# is_table_there: true when the kernel has every service that there is to be
is_table_there() {
	table=$(ask_ipvs -Sn)
	services >"$PRIVATE/services"
	while read -r address port; do
		case $table in
		*"-A -t $(bracketed "$address"):$port "*) ;;
		*) return 1 ;;
		esac
	done <"$PRIVATE/services"
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
		printf '%s\n' "$conf" >"$IPVS_CONF" && reload_table && told=$conf
		return
	fi
	told=$conf
	[ -z "$ipvs_pid" ] || log warn "the keepalived that keeps the table of IPVS ended: starting it again" pid="$ipvs_pid"
	printf '%s\n' "$conf" >"$IPVS_CONF" && start_table
}

# repair_table: where somebody else emptied it, keepalived does not notice. One that has just begun has its time.
repair_table() {
	[ -n "$ipvs_pid" ] && takes_signal "$ipvs_pid" "$HANGUP" && ! is_table_there || return 0
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
	true >"$IPVS_MARK"
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
	[ -f "$SERVERS" ] && [ ! -s "$SERVERS" ] || plan=$(make_plan)
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
