#!/bin/sh
# Three nodes and a client on one switch, in user-mode Linux (test/support/uml.ts). A node has the product's supervisor as its container has it, a
# server that says the node's name, and what stands for the sidecar: its files, and its pulse.
# What is found out is written with "tell": a line "<what>=<result>", which the test reads.

tell() { # WHAT RESULT...
	what=$1
	shift
	echo "$what=$*"
}

# Without a /sys of the node's own, which "ip netns exec" would mount each time.
on() { # NODE COMMAND...
	node=$1
	shift
	nsenter --net="/run/netns/$node" "$@"
}

# until_so SECONDS COMMAND...: waits until it succeeds
until_so() {
	rounds=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		rounds=$((rounds - 1))
		[ "$rounds" -gt 0 ] || return 1
		sleep 0.1
	done
}

make_network() {
	ip netns add switch
	ip -n switch link add br0 type bridge
	ip -n switch link set br0 up
	for node in client:2 n1:11 n2:12 n3:13; do
		number=${node##*:}
		node=${node%%:*}
		ip netns add "$node"
		ip -n "$node" link set lo up
		ip -n switch link add "to-$node" type veth peer name eth0 netns "$node"
		ip -n switch link set "to-$node" master br0 up
		ip -n "$node" link set eth0 up
		ip -n "$node" address add "10.99.0.$number/24" dev eth0
		ip -n "$node" address add "fd00:99::$number/64" dev eth0 nodad
	done
}

# Says a name to whoever connects, and then what is said to it. In one process: what starts processes is slow here, and is asked several times a
# second whether it lives.
cat >/run/server.pl <<'P'
use IO::Socket::IP;
use IO::Select;
$SIG{PIPE} = 'IGNORE';
$server = IO::Socket::IP->new(LocalHost => '::', LocalPort => 6443, V6Only => 0, Listen => 64, ReuseAddr => 1) or die;
$all = IO::Select->new($server);
while (@ready = $all->can_read) {
	for $one (@ready) {
		if ($one == $server) {
			$client = $server->accept or next;
			syswrite $client, "$ARGV[0]\n";
			$all->add($client);
		} elsif (sysread $one, $text, 4096) {
			syswrite $one, $text;
		} else {
			$all->remove($one);
			close $one;
		}
	}
}
P

# The supervisor asks once a second whether the sidecar lives. It does: nothing here is about that.
mkdir -p /run/bin
cat >/run/bin/curl <<'C'
#!/bin/sh
exit 0
C
chmod +x /run/bin/curl

# keepalived, but for the one that keeps the table where the node's folder has
# - "slow": as on a machine that stands still, it takes signals long before it has read its configuration, until "slow" is gone
# - "deaf": as one that has just begun, it forgets a SIGTERM, and puts its service into the table after that
cat >/run/keepalived <<'K'
#!/bin/sh
case " $* " in
*' --check '*)
	[ ! -e "$RUNTIME_DIR/slow" ] || exec perl -MPOSIX -e '
		sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGHUP));
		select undef, undef, undef, 0.05 while -e "$ENV{RUNTIME_DIR}/slow";
		exec "keepalived", @ARGV' -- "$@"
	[ ! -e "$RUNTIME_DIR/deaf" ] || exec perl -e '
		$SIG{TERM} = "IGNORE";
		system "ipvsadm -A -t 10.99.0.100:6443 -s rr";
		select undef, undef, undef, 0.05 while qx(ipvsadm -Sn) ne "";
		system "ipvsadm -A -t 10.99.0.100:6443 -s rr"'
	;;
esac
exec keepalived "$@"
K
chmod +x /run/keepalived

# dd, by which the supervisor of the second node reads: with "held" in the node's folder it stops there, after it has looked at the addresses
mkdir -p /run/n2/bin
cat >/run/n2/bin/dd <<'D'
#!/bin/sh
case $* in
*/virtual-servers\ *)
	trap '' TERM
	[ ! -e "$RUNTIME_DIR/held" ] || : >"$RUNTIME_DIR/reads"
	while [ -e "$RUNTIME_DIR/held" ]; do sleep 0.05; done
	;;
esac
exec /usr/bin/dd "$@"
D
chmod +x /run/n2/bin/dd

start_server() { # NODE
	on "$1" perl /run/server.pl "$1" &
}

# start_node NODE RANK: the supervisor, with what the test put into /uml/NODE.conf
start_node() {
	mkdir -p "/run/$1/runtime/track" "/run/$1/state"
	echo 1 >"/run/$1/runtime/track/api_1.gate"
	echo "-$2" >"/run/$1/runtime/track/api_1.offset"
	echo 0 >"/run/$1/runtime/track/vip.pulse"
	cp "/uml/$1.conf" "/run/$1/runtime/candidate.conf"
	start_supervisor "$1"
	follow "$1" &
}

start_supervisor() { # NODE
	ip netns exec "$1" env PATH="/run/$1/bin:/run/bin:$PATH" RUNTIME_DIR="/run/$1/runtime" STATE_DIR="/run/$1/state" REDIRECT_TABLE=kiv_test KEEPALIVED=/run/keepalived \
		unshare --mount --pid --fork --kill-child sh -c \
		'mount -t proc proc /proc; mount -t tmpfs tmpfs /tmp; exec tini -g -- /usr/local/bin/supervisor run' >>"/run/$1/log" 2>&1 &
}

# follow NODE: has the supervisor look when keepalived tells of a change, as the sidecar does
follow() {
	fifo="/run/$1/runtime/notify.fifo"
	until_so 30 test -p "$fifo"
	while read -r _; do wake "$1"; done <>"$fifo"
}

end_supervisor() { # NODE SIGNAL
	for pid in $(ip netns pids "$1"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != tini ] || kill -s "$2" "$pid"
	done
}

has_left() { ! ip netns pids "$1" | sed 's,.*,/proc/&/comm,' | xargs cat 2>/dev/null | grep -q tini; } # NODE: its container

say_servers() { # NODE FILE: as the sidecar does; a file of the test's, or nothing
	cp "$2" "/run/$1/runtime/.new"
	mv "/run/$1/runtime/.new" "/run/$1/runtime/virtual-servers"
	wake "$1"
}

say_all() { # FILE
	for node in n1 n2 n3; do say_servers "$node" "$1"; done
}

wake() { # NODE
	timeout 1 sh -c "echo candidate >'/run/$1/runtime/supervisor.request'"
}

# look NODE: has the supervisor look, and waits until it has
look() {
	: >"/run/$1/runtime/states.wanted"
	wake "$1"
	until_so 20 test ! -e "/run/$1/runtime/states.wanted"
}

status() { # NODE KEY
	sed -n "s/^$2=//p" "/run/$1/runtime/supervisor.status"
}

has_vip() { ip -n "$1" -o address show dev eth0 | grep -q " $VIP/"; }  # NODE
lacks_vip() { ! has_vip "$1"; }                                        # NODE
says() { [ "$(status "$1" virtual_servers)" = "$2" ]; }               # NODE STATE
table() { on "$1" ipvsadm -Sn | sort | paste -s -d ';'; }              # NODE
has_reals() { [ "$(on "$1" ipvsadm -Sn | grep -c '^-a')" = "$2" ]; }  # NODE COUNT
has_line() { on "$1" ipvsadm -Sn | grep -q -e "$2"; }                  # NODE PATTERN: of the table
lacks_line() { ! has_line "$1" "$2"; }                                 # NODE PATTERN
established() { on "$1" ipvsadm -Lnc | grep -c 'TCP.*ESTABLISHED'; }   # NODE: how many connections it knows
knows_connections() { [ "$(established "$1")" -ge "$2" ]; }            # NODE COUNT
has_master() { on "$1" ipvsadm -L --daemon | grep -q master; }         # NODE
serves() { [ "$(on "$1" ipvsadm -Sn | grep -c '^-a.* -w 1')" = "$2" ]; } # NODE COUNT: as many take new connections
begun() { grep -c 'it balances' "/run/$1/log"; }                       # NODE: how many tables it has begun
has_begun() { [ "$(begun "$1")" = "$2" ]; }                            # NODE COUNT
ended() { grep -c 'balances no more' "/run/$1/log"; }                  # NODE: how many of them it has ended
has_ended() { [ "$(ended "$1")" = "$2" ]; }                            # NODE COUNT
has_service() { on "$1" ipvsadm -Sn | grep -q '^-A'; }                 # NODE
dummy() { ip -n "$1" -o address show dev dummyvip0 2>/dev/null | awk '!/scope link/ { print $4 }' | paste -s -d ' '; } # NODE
has_dummy() { [ "$(dummy "$1")" = "$2" ]; }                            # NODE ADDRESS
has_answers() { [ "$(grep -c : /run/answers)" = "$1" ]; }                # COUNT
has_up() { ip -n "$1" link show "$2" | grep -q '[<,]UP[,>]'; }          # NODE INTERFACE
setting() { on "$1" cat "/proc/sys/$2"; }                               # NODE PATH
daemons() { on "$1" ipvsadm -L --daemon | sed 's, sync.*mcast=\([^,]*\).*syncid=\([0-9]*\).*, \1 \2,' | sort | paste -s -d ' '; } # NODE

# ask NODE ADDRESS TIMES [SECONDS]: who answers, one after the other; how long to wait for one
ask() {
	limit=${4:-20}
	for _ in $(seq "$3"); do
		on "$1" timeout "$limit" bash -c "exec 3<>/dev/tcp/$2/6443 && read -t $limit -r who <&3 && echo \$who" 2>/dev/null || echo nobody
	done | paste -s -d ' '
}

# keep_connections COUNT: a client that keeps so many; says who has them, and once /run/cut is there, which of them still work
cat >/run/client.sh <<'C'
say() { echo "$2" >&"$1" 2>/dev/null; if read -t "${3:-15}" -r back <&"$1" && [ "$back" = "$2" ]; then echo works; else echo broken; fi; }
last=$(($1 + 3))
for i in $(seq 4 "$last"); do
	eval "exec $i<>/dev/tcp/10.99.0.100/6443"
	read -t 15 -r who <&"$i"
	servers="$servers $who"
done
for round in 1 2 3 4; do for i in $(seq 4 "$last"); do say "$i" "hello$round" >/dev/null; done; done
touch /run/connected
until [ -e /run/cut ]; do sleep 0.1; done
i=4
for who in $servers; do
	# The first node is cut off.
	echo "$who:$(say "$i" after "$([ "$who" = n1 ] && echo 2)")"
	i=$((i + 1))
done
C
