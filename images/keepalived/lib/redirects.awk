# From what the sidecar wrote into the file of redirects, the rules of nftables; or what is wrong with the file.
#
# Variables: table, the name of the table; flags, a statement for its head, or nothing.
# Input: lines of
#   redirect ADDRESS PORT TO        what connects to ADDRESS:PORT shall get to port TO of this node
#   local ADDRESS PORT TO           the same of what comes from this node itself, and its pods: what others send is left to IPVS
#   masquerade ADDRESS PORT         what IPVS sends on to another node shall come from this one, so that the answer comes back to it
#   guard TO                        port TO shall be closed to what was not redirected
# after what the supervisor knows, which ends with the line "what is asked for:"
#   #! address DEVICE ADDRESS/PREFIX ...   of the running configuration: only such addresses are redirected
#   own DEVICE ADDRESS/PREFIX       the node's own, or was so once
#   NUMBER: DEVICE inet ...         of "ip -o address show"
#   listener ADDRESS PORT USER      who listens, in the words of /proc/net/tcp
# Prints "! what is wrong" for lines that the sidecar does not write, five at most; else "# what is not in force, and why" for what cannot be
# done now, and what nft is to read, which is nothing when nothing is asked for.

# is_port TEXT LOWEST
function is_port(text, lowest) { return text ~ /^[1-9][0-9]*$/ && length(text) <= 5 && text + 0 >= lowest && text + 0 <= 65535 }

# is_address TEXT: of digits, dots and colons alone; whether it is one in every detail nft says
function is_address(text) { return length(text) <= 45 && text ~ /^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$|^[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*$/ }

# is_right: true when the line may be in the file. The proxy has no capability, and so no port below 1024.
function is_right() {
	if ($0 ~ /[^ -~]/) return 0
	if ($1 == "masquerade") return NF == 3 && is_address($2) && is_port($3, 1)
	if ($1 == "redirect" || $1 == "local") return NF == 4 && is_address($2) && is_port($3, 1) && is_port($4, 1024)
	return $1 == "guard" && NF == 2 && is_port($2, 1024)
}

# family ADDRESS: as nft calls it
function family(address) { return address ~ /:/ ? "ip6" : "ip" }

# bare ADDRESS/PREFIX
function bare(address) {
	sub(/[/].*/, "", address)
	return address
}

# note TEXT: what is not in force, once
function note(text) {
	if (!(text in noted)) notes = notes "# " text "\n"
	noted[text] = 1
}

# is_free PORT: false when the port is a program's of root. Whoever writes the file must not be able to close such a port: the proxy is
# never root.
function is_free(port) {
	if (!(port in roots)) return 1
	note("port " port " of this node is another program's, of root: end that, or take another port for the proxy")
	return 0
}

# may_redirect ADDRESS PORT
function may_redirect(address, port) {
	if (!(address in device)) {
		note(address " is not redirected: keepalived has no such virtual address")
		return 0
	}
	if (!is_free(port)) return 0
	if (port in listens) return 1
	note(address " is not redirected: nobody listens on port " port " of every address of this node")
	return 0
}

# add_redirect ADDRESS PORT TO FROM: two rules; FROM says of what comes in which they are for, or nothing for all of it. A connection goes where its first packet went: one that reached the node's own server before
# there was a rule stays with it, also where nothing tracked connections until now.
# - What comes in gets to an address of the node that stays when the virtual one goes, whatever interface it came by: nftables' own
#   "redirect" drops what comes by an interface without an address, as those of many pods are.
# - What the node itself sends gets to loopback.
function add_redirect(address, port, to, from,    words, at) {
	words = family(address) " daddr " address " tcp dport " port " tcp flags & (fin | syn | rst | ack) == syn "
	at = target[device[address] " " family(address)]
	incoming = incoming "\t\t" from words \
		(at != "" ? "dnat " family(address) " to " (at ~ /:/ ? "[" at "]" : at) ":" to : "fib daddr type local dnat to :" to) "\n"
	outgoing = outgoing "\t\t" words "redirect to :" to "\n"
}

# from_here ADDRESS: what comes in from pods of this node. Others come by the interface of the address, or out of the holder's tunnel.
function from_here(address) { return "iifname != { \"" device[address] "\", \"tunl0\", \"ip6tnl0\" } " }

# add_masquerade ADDRESS PORT: conntrack knows what the client had connected to (net.ipv4.vs.conntrack)
function add_masquerade(address, port) {
	leaving = leaving "\t\t" family(address) " daddr != " address " oifname != \"lo\" ct original " family(address) " daddr " address \
		" ct original proto-dst " port " masquerade\n"
}

# chain NAME HOOK RULES
function chain(name, hook, rules) { return "\tchain " name " {\n\t\ttype " hook "; policy accept;\n" rules "\t}\n" }

# print_rules: first empties the table, so that it is replaced as a whole. The priorities come before those of kube-proxy in each of its modes, -110
# and -100 (100 where packets leave), and after conntrack's, -200: the first translation is the one that counts.
function print_rules(    head) {
	head = "table inet " table " {\n" (flags == "" ? "" : "\t" flags "\n")
	printf "%s}\nflush table inet %s\n%s", head, table, head
	printf "%s", chain("prerouting", "nat hook prerouting priority -150", incoming)
	printf "%s", chain("output", "nat hook output priority -150", outgoing)
	if (leaving != "") printf "%s", chain("postrouting", "nat hook postrouting priority 90", leaving)
	printf "%s}\n", chain("guard", "filter hook input priority 0", guards)
}

$0 == "what is asked for:" {
	begun = 1
	start = NR
	next
}

begun && (bytes += length($0) + 1) >= 65536 {
	refused = "! the file of redirects is larger than it can be; look at what wrote it\n"
	next
}
begun && !is_right() && ++count <= 5 {
	refused = refused sprintf("! (redirects: Line %d) no redirect and no guard: \"%.80s\"; write what the sidecar writes only\n", NR - start, $0)
}
begun {
	lines++
	kind[lines] = $1
	first[lines] = $2
	second[lines] = $3
	third[lines] = $4
	next
}

$1 == "#!" && $2 == "address" { device[bare($4)] = $3 }
$1 == "own" { own[$2 " " $3] = 1 }
$1 == "listener" {
	if ($4 == 0) roots[number($3)] = 1
	else if ($2 ~ /^0+$/) listens[number($3)] = 1
}
# The first of its family on an interface that is there for longer.
$1 ~ /^[0-9]+:$/ && !/ (temporary|deprecated|tentative|dadfailed) / && (($2 " " $4) in own) && !(($2 " " family($4)) in target) {
	target[$2 " " family($4)] = bare($4)
}

# number HEX: four digits, which not every awk reads
function number(hex,    value, i) {
	value = 0
	for (i = 1; i <= length(hex); i++) value = value * 16 + index("0123456789ABCDEF", toupper(substr(hex, i, 1))) - 1
	return value
}

END {
	if (refused != "") {
		printf "%s", refused
		exit
	}
	for (i = 1; i <= lines; i++) {
		if (kind[i] == "redirect" && may_redirect(first[i], third[i])) add_redirect(first[i], second[i], third[i], "")
		if (kind[i] == "local" && may_redirect(first[i], third[i])) add_redirect(first[i], second[i], third[i], from_here(first[i]))
		if (kind[i] == "masquerade" && (first[i] in device)) add_masquerade(first[i], second[i])
		if (kind[i] == "guard" && is_free(first[i]))
			guards = guards "\t\ttcp dport " first[i] " ct status & dnat != dnat reject with tcp reset\n"
	}
	printf "%s", notes
	if (incoming leaving guards != "") print_rules()
}
