#!/bin/sh
# What is done with the nodes; see nodes.sh, and ../virtual-servers.test.ts, which knows what is to come of it.

VIP=10.99.0.100
VIP6=fd00:99::100

load veth bridge dummy ipip ip6_tunnel iptable_nat xt_MASQUERADE xt_conntrack xt_tcpudp
make_network
for node in n1 n2 n3; do start_server "$node"; done

# --- a kernel without IPVS
start_node n1 0
until_so 20 has_vip n1
say_servers n1 /uml/DR
until_so 20 says n1 unavailable
tell 'without IPVS, status' "$(status n1 virtual_servers)"
tell 'without IPVS, message' "$(status n1 virtual_servers_message)"
tell 'without IPVS, dummy' "$(dummy n1)"
look n1
tell 'without IPVS, address' "$(has_vip n1 && echo there)"
tell 'without IPVS, keepalived' "$(status n1 keepalived_pid | grep -c '[0-9]')"

# --- DR
load ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_lblc ip_vs_dh ip_vs_sh ip_vs_sed ip_vs_nq
start_node n2 8
start_node n3 16
for node in n2 n3; do until_so 20 test -s "/run/$node/runtime/supervisor.status"; done
say_all /uml/DR
for node in n1 n2 n3; do until_so 20 says "$node" applied; done
until_so 20 has_reals n1 3
for node in n1 n2 n3; do
	tell "DR, status $node" "$(status "$node" virtual_servers) $(status "$node" virtual_servers_message)"
	tell "DR, table $node" "$(table "$node")"
	tell "DR, dummy $node" "$(dummy "$node")"
	tell "DR, arp $node" "$(setting "$node" net/ipv4/conf/all/arp_ignore) $(setting "$node" net/ipv4/conf/all/arp_announce)"
	tell "DR, expire $node" "$(setting "$node" net/ipv4/vs/expire_nodest_conn) $(setting "$node" net/ipv4/vs/expire_quiescent_template)"
	tell "DR, daemons $node" "$(daemons "$node")"
	tell "DR, accepted $node" "$(status "$node" result)"
done
ip -n client neigh flush all
tell 'DR, answers' "$(ask client "$VIP" 6)"
tell 'DR, who answered ARP' "$([ "$(ip -n client neigh show "$VIP" | sed 's/.*lladdr \([^ ]*\).*/\1/')" = "$(ip -n n1 link show dev eth0 | awk '$1 == "link/ether" { print $2 }')" ] && echo holder)"
tell 'DR, a source of no own connection' "$(ip -n n2 -o address show dev dummyvip0 | grep -c 'scope host')"

# --- a server that drains, and one that is gone
say_all /uml/DR-drained
until_so 20 has_line n1 '-r 10.99.0.12:6443 -g -w 0'
tell 'drained, table' "$(table n1)"
tell 'drained, answers' "$(ask client "$VIP" 4)"
say_all /uml/DR
until_so 20 has_line n1 '-r 10.99.0.12:6443 -g -w 1'

# --- somebody empties the table
on n1 ipvsadm -C
wake n1
until_so 20 has_reals n1 3
tell 'emptied, table' "$(table n1)"

# --- the holder is cut off: connections to the others go on
on client bash /run/client.sh 9 >/run/answers &
until_so 20 test -e /run/connected
until_so 20 knows_connections n2 9
tell 'synchronised connections' "$(established n2)"
ip -n switch link set to-n1 down
until_so 20 has_reals n2 3
tell 'taken over, table' "$(table n2)"
touch /run/cut
until_so 90 has_answers 9
until_so 20 has_master n2
tell 'taken over, daemons' "$(daemons n2)"
tell 'taken over, connections' "$(paste -s -d ' ' /run/answers)"
until_so 20 lacks_line n2 10.99.0.11:6443
tell 'taken over, answers' "$(ask client "$VIP" 6)"
ip -n switch link set to-n1 up
until_so 20 lacks_vip n2
until_so 20 has_reals n1 3
until_so 20 has_reals n2 0
tell 'back, table n1' "$(table n1)"
tell 'back, table n2' "$(table n2)"

# --- the holder's container is killed with all that is in it, and comes back
end_supervisor n1 KILL
tell 'killed, table' "$(table n1)"
rm "/run/n1/runtime/virtual-servers"
echo 0 >/run/n1/runtime/track/api_1.gate
start_supervisor n1
until_so 20 has_reals n1 0
tell 'killed and back, table' "$(table n1)"
tell 'killed and back, dummy' "$(dummy n1)"
say_servers n1 /uml/DR
until_so 20 says n1 applied
tell 'killed and back, backup' "$(table n1)"

# --- an orderly end of the container, just when its supervisor looks at the table: what makes the node a server stays. The keepalived of the
# next holder is slow to put its table there.
begun=$(begun n2)
: >/run/n3/runtime/slow
: >/run/n2/runtime/held
wake n2
until_so 20 test -e /run/n2/runtime/reads
end_supervisor n2 TERM
until_so 20 lacks_vip n2
until_so 20 has_reals n2 0
rm /run/n2/runtime/held
until_so 20 has_begun n3 1
look n3
look n3
rm /run/n3/runtime/slow
until_so 20 serves n3 3
tell 'ended, answers' "$(ask client "$VIP" 6)"
tell 'ended, tables begun n3' "$(begun n3)"
until_so 20 has_left n2
tell 'ended, tables begun n2' "$(($(begun n2) - begun))"
tell 'ended, table n2' "$(table n2)"
tell 'ended, dummy' "$(dummy n2)"
mv /run/n2/runtime/candidate.conf /run/n2/
rm /run/n2/runtime/keepalived.conf /run/n2/runtime/supervisor.status
start_supervisor n2
until_so 20 test -e /run/n2/runtime/supervisor.status
wake n2
until_so 20 grep -q 'waiting for a valid configuration' /run/n2/log
sleep 1
tell 'waiting, dummy' "$(dummy n2)"
# --- the address leaves a node whose keepalived has just begun to put its table there
begun=$(begun n2) ended=$(ended n2)
: >/run/n2/runtime/deaf
mv /run/n2/candidate.conf /run/n2/runtime/
wake n2
until_so 20 has_begun n2 $((begun + 1))
until_so 20 has_service n2
echo 1 >/run/n1/runtime/track/api_1.gate
until_so 20 has_reals n1 3
until_so 20 has_ended n2 $((ended + 1))
tell 'begun and left, table' "$(table n2)"
rm /run/n2/runtime/deaf

# --- nine schedulers, three kinds, persistence: a port for each
say_servers n1 /uml/all
until_so 30 has_reals n1 81
tell 'all, table' "$(table n1)"

# --- TUN
say_all /uml/TUN
for node in n1 n2 n3; do
	until_so 20 has_up "$node" tunl0
	until_so 20 has_dummy "$node" "$VIP/32"
	until_so 20 says "$node" applied
	tell "TUN, status $node" "$(status "$node" virtual_servers) $(status "$node" virtual_servers_message)"
done
until_so 20 has_line n1 '-r 10.99.0.13:6443 -i -w 1'
tell 'TUN, answers' "$(ask client "$VIP" 6)"

# --- NAT: what the rules of nftables do is done by iptables here, since this kernel has no chains of nftables for it
say_all /uml/NAT
until_so 20 has_line n1 '-r 10.99.0.13:6443 -m -w 1'
for node in n1 n2 n3; do
	until_so 20 has_dummy "$node" ''
	tell "NAT, dummy $node" "$(dummy "$node")"
done
tell 'NAT, conntrack' "$(setting n1 net/ipv4/vs/conntrack) $(setting n1 net/ipv4/ip_forward)"
tell 'NAT, arp' "$(setting n1 net/ipv4/conf/all/arp_ignore) $(setting n1 net/ipv4/conf/all/arp_announce)"
tell 'NAT, answers without masquerade' "$({ for _ in 1 2 3; do ask client "$VIP" 1 3 & done; wait; } | paste -s -d ' ')"
on n1 iptables-legacy -t nat -A POSTROUTING ! -o lo ! -d "$VIP" -m conntrack --ctorigdst "$VIP" --ctorigdstport 6443 -j MASQUERADE
tell 'NAT, answers' "$(ask client "$VIP" 6)"

# --- IPv6
say_all /uml/DR6
until_so 20 has_line n1 '13.*6443 -g -w 1'
tell 'IPv6, table' "$(table n1)"
for node in n1 n2 n3; do
	until_so 20 has_dummy "$node" "$VIP6/128"
	tell "IPv6, dummy $node" "$(dummy "$node")"
done
tell 'IPv6, answers' "$(ask client "$VIP6" 6)"

# --- nothing is asked for any more
: >/run/nothing
say_all /run/nothing
for node in n1 n2 n3; do
	until_so 20 says "$node" none
	tell "over, table $node" "$(table "$node")"
	tell "over, dummy $node" "$(ip -n "$node" link show dummyvip0 2>/dev/null | wc -l)"
	tell "over, settings $node" "$(for path in conf/all/arp_ignore conf/all/arp_announce vs/expire_nodest_conn vs/expire_quiescent_template vs/conntrack; do setting "$node" "net/ipv4/$path"; done | paste -s -d ' ')"
	tell "over, daemons $node" "$(daemons "$node")"
	tell "over, tunnel $node" "$(has_up "$node" tunl0 && echo up)"
done
for node in n1 n2 n3; do sed "s/^/log $node: /" "/run/$node/log"; done
