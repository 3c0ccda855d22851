# From what the sidecar wrote into the file of virtual servers, what this node is to do for IPVS; or what is wrong with the file.
#
# Variable: available, 1 where the kernel has IPVS.
# Input: lines of
#   virtual ADDRESS PORT KIND SCHEDULER PERSISTENCE DELAY   a service of IPVS: NAT, DR or TUN; both times in seconds, 0 for no persistence
#   real ADDRESS PORT WEIGHT                                a server of the last virtual one; 0: nothing new
#   sync ID                                                 connections are told to the other nodes, and heard from them, by this number
# after what the supervisor knows, which ends with the line "what is asked for:"
#   #! address DEVICE ADDRESS/PREFIX ...   of the running configuration: only such addresses are balanced
#   NUMBER: DEVICE inet ...                of "ip -o address show"
# Prints "! what is wrong" for lines that the sidecar does not write, five at most; else
#   # TEXT                        what cannot be done now, and why
#   set PATH VALUE                a setting of the kernel, below /proc/sys
#   dummy ADDRESS                 an address to be on DUMMY, so that what a holder sends here is taken
#   tunnel DEVICE [ADDRESS]       what takes packets out of the holder's tunnel, and an address to be on it
#   sync ROLE DEVICE ID [GROUP]   a daemon that sends (master) or hears (backup); the group where the device has no IPv4 address
#   conf LINE                     of keepalived's configuration: the services whose address this node holds

# is_port TEXT
function is_port(text) { return text ~ /^[1-9][0-9]*$/ && length(text) <= 5 && text + 0 <= 65535 }

# is_address TEXT: of digits, dots and colons alone; whether it is one in every detail keepalived says
function is_address(text) { return length(text) <= 45 && text ~ /^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$|^[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*$/ }

# is_number TEXT MOST
function is_number(text, most) { return text ~ /^[0-9]+$/ && length(text) <= 7 && text + 0 <= most }

# is_time TEXT: seconds, with a part of one
function is_time(text) { return length(text) <= 20 && text ~ /^[0-9]+([.][0-9]+)?$/ && text + 0 > 0 }

# is_right: true when the line may be in the file
function is_right() {
	if ($0 ~ /[^ -~]/) return 0
	if ($1 == "virtual")
		return NF == 7 && is_address($2) && is_port($3) && $4 ~ /^(NAT|DR|TUN)$/ && $5 ~ /^(rr|wrr|lc|wlc|lblc|dh|sh|sed|nq)$/ && is_number($6, 2678400) && is_time($7)
	if ($1 == "real") return count > 0 && NF == 4 && is_address($2) && is_port($3) && is_number($4, 255)
	return $1 == "sync" && NF == 2 && is_number($2, 255)
}

# bare ADDRESS/PREFIX
function bare(address) {
	sub(/[/].*/, "", address)
	return address
}

# note TEXT: what cannot be done, once
function note(text) {
	if (!(text in noted)) notes = notes "# " text "\n"
	noted[text] = 1
}

# want LINE: once
function want(line) {
	if (!(line in wanted)) lines = lines line "\n"
	wanted[line] = 1
}

# is_held I: true when the service's address is where keepalived puts it
function is_held(i) { return ((device[address[i]] " " address[i]) in here) }

# real_of PART: keepalived's words for a server. What does not answer leaves the table: its clients are reset then, by the kernel of this
# node. The sidecar finds out faster; this goes on without it.
function real_of(part) {
	return "conf     real_server " part[2] " " part[3] " {\nconf         weight " part[4] "\nconf         TCP_CHECK {\n" \
		"conf             connect_timeout 1\nconf             retry 1\nconf             delay_before_retry 0.2\n" \
		"conf             warmup 0\nconf         }\nconf     }\n"
}

# service I: keepalived's words for it
function service(i) {
	return "conf virtual_server " address[i] " " port[i] " {\nconf     delay_loop " time[i] "\nconf     lb_algo " scheduler[i] \
		"\nconf     lb_kind " kind[i] "\nconf     protocol TCP\n" \
		(persistence[i] > 0 ? "conf     persistence_timeout " persistence[i] "\n" : "") reals[i] "conf }\n"
}

# prepare I: what a service needs of this node, whoever holds the address
function prepare(i,    is6) {
	is6 = address[i] ~ /:/
	# A server that is taken out resets its clients, and those of one that takes nothing new may go elsewhere in spite of persistence.
	want("set net/ipv4/vs/expire_nodest_conn 1")
	want("set net/ipv4/vs/expire_quiescent_template 1")
	if (kind[i] == "NAT") {
		want("set net/ipv4/vs/conntrack 1")
		want(is6 ? "set net/ipv6/conf/all/forwarding 1" : "set net/ipv4/ip_forward 1")
		return
	}
	# Only who holds the address on its interface may answer for it; IPv6 does so by itself.
	if (!is6) {
		want("set net/ipv4/conf/all/arp_ignore 1")
		want("set net/ipv4/conf/all/arp_announce 2")
	}
	if (kind[i] == "TUN") {
		want("tunnel " (is6 ? "ip6tnl0" : "tunl0 " address[i]))
		# The largest of this one and that of all counts: 2, which asks for a way back by any interface.
		if (!is6) want("set net/ipv4/conf/tunl0/rp_filter 2")
	}
	want("dummy " address[i])
}

# add_sync ON: a node that holds something sends, and one that does not hold all hears
function add_sync(on,    group) {
	if (sync == "" || on == "") return
	group = (on in has4) ? "" : " ff02::81"
	if (held > 0) want("sync master " on " " sync group)
	if (held < known) want("sync backup " on " " sync group)
}

$0 == "what is asked for:" {
	begun = 1
	start = NR
	next
}

begun && (bytes += length($0) + 1) >= 65536 {
	refused = "! the file of virtual servers is larger than it can be; look at what wrote it\n"
	next
}
begun && !is_right() {
	if (++wrong <= 5)
		refused = refused sprintf("! (virtual-servers: Line %d) nothing of a virtual server: \"%.80s\"; write what the sidecar writes only\n", NR - start, $0)
	next
}
begun && $1 == "virtual" {
	count++
	address[count] = $2
	port[count] = $3
	kind[count] = $4
	scheduler[count] = $5
	persistence[count] = $6 + 0
	time[count] = $7
}
begun && $1 == "real" {
	split($0, part, " ")
	reals[count] = reals[count] real_of(part)
}
begun && $1 == "sync" { sync = $2 }
begun { next }

$1 == "#!" && $2 == "address" { device[bare($4)] = $3 }
$1 ~ /^[0-9]+:$/ {
	here[$2 " " bare($4)] = 1
	if ($3 == "inet") has4[$2] = 1
}

END {
	if (refused != "") {
		printf "%s", refused
		exit
	}
	if (count > 0 && !available) {
		printf "# the kernel of this node has no IPVS: load its module (modprobe ip_vs, and a file in /etc/modules-load.d for the next start), or leave out virtualServers\n"
		exit
	}
	for (i = 1; i <= count; i++) {
		if (!(address[i] in device)) {
			note(address[i] " is not balanced: keepalived has no such virtual address")
			continue
		}
		if (++known == 1) first = device[address[i]]
		prepare(i)
		if (!is_held(i)) continue
		held++
		services = services service(i)
	}
	add_sync(first)
	printf "%s%s%s", notes, lines, services
}
