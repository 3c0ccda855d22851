# What the sidecar writes, statement by statement (sidecar/keepalived/render.ts), and nothing else: no script, no notification, no other
# file, no route, no include. Prints a line for each statement of a configuration that is none of these, five at most.
#
# Variable: directory, the runtime directory. The words that are numbers are left to keepalived, which says best what is wrong with one.

# is PATTERN: true when the whole line fits
function is(pattern) { return line ~ ("^" pattern "$") }

# file WORD PATTERN: true when the line is the word and a file below the runtime directory, which fits the pattern
function file(prefix, pattern,    path) {
	path = prefix directory
	return index(line, path) == 1 && substr(line, length(path) + 1) ~ ("^" pattern "$")
}

# refuse REASON: prints what is wrong with the line
function refuse(reason) {
	if (++count > 5) return
	printf "(candidate.conf: Line %d) %s: \"%.80s\"; offer what the sidecar writes only\n", NR, reason, line
}

# refuse_at NUMBER REASON: the same, of the line with that number
function refuse_at(number, reason) {
	NR = number
	refuse(reason)
}

# opens BLOCK: true; the next lines are judged as those of that block
function opens(block) {
	depth++
	inside[depth] = block
	return 1
}

# in_BLOCK, at_top: true when the line may be there
function in_global() {
	return is("router_id " WORD) || is("vrrp_version [23]") || file("vrrp_notify_fifo ", "/notify[.]fifo") ||
		is("vrrp_garp_(master_repeat|master_delay|master_refresh|lower_prio_repeat|interval) " WORD) ||
		is("vrrp_gna_interval " WORD) || is("vrrp_higher_prio_send_advert true") || is("vrrp_rt_priority " WORD) ||
		is("vrrp_rlimit_rttime " WORD) || is("script_user root") || is("vrrp_check_unicast_src")
}

function in_track_file() { return file("file ", "/track/" NAME "[.](gate|offset|pulse)") || is("weight (0 reverse|1)") }

function in_instance() {
	if (is("unicast_peer {")) return opens("peers")
	if (is("authentication {")) return opens("authentication")
	if (is("track_file {")) return opens("tracked")
	if (is("virtual_ipaddress(_excluded)? {")) return opens("addresses")
	return is("state (BACKUP|MASTER)") || is("interface " DEVICE) || is("virtual_router_id " WORD) ||
		is("priority " WORD) || is("advert_int " WORD) || is("debug [0-4]") || is("unicast_src_ip " ADDRESS) ||
		is("mcast_dst_ip " GROUP) || is("unicast_ttl 255") || is("native_ipv6") || is("no_virtual_ipaddress")
}

function in_addresses(    word, prefix) {
	if (!is(ADDRESS "/[0-9]+ dev " DEVICE "( preferred_lft (0|forever))?")) return 0
	split(line, word, " ")
	given[word[3] " " word[1]] = NR
	prefix = word[1]
	sub(/.*[/]/, "", prefix)
	if (prefix + 0 < 8) refuse("a prefix that makes half of the world a neighbour")
	return 1
}

function at_top() {
	if (is("global_defs {")) return globals = opens("global")
	if (is("track_file " NAME " {")) return opens("track file")
	if (is("vrrp_instance " NAME " {")) return opens("instance")
	if (is("static_ipaddress {")) return opens("nothing")
	return 0
}

# is_comment: also remembers the addresses that the comments announce for the list. What is for the supervisor begins its line: only there it
# is found.
function is_comment(    word) {
	if (line ~ /^#!/ && line != $0) return 0
	if (is("#! address " DEVICE " " ADDRESS "/[0-9]+( " NAME ")?")) {
		split(line, word, " ")
		announced[word[3] " " word[4]] = NR
		return 1
	}
	return is("#! pulse vip[.]pulse -[0-9]+ http://(127[.][0-9]+[.][0-9]+[.][0-9]+|\\[::1\\]):[0-9]+/pulse") || is("# [A-Za-z0-9 .,:_-]*")
}

# allowed: true when the line may be where it is
function allowed(    block) {
	if (line == "" || is_comment()) return 1
	if (line == "}") return depth-- > 0
	block = depth > 0 ? inside[depth] : "top"
	if (block == "top") return at_top()
	if (block == "global") return in_global()
	if (block == "track file") return in_track_file()
	if (block == "instance") return in_instance()
	if (block == "peers") return is(ADDRESS " min_ttl 255")
	if (block == "authentication") return is("auth_type PASS") || is("auth_pass \"[!#-[\\]-~]+\"")
	if (block == "tracked") return is(NAME)
	if (block == "addresses") return in_addresses()
	return 0
}

BEGIN {
	WORD = "[A-Za-z0-9._-]+"
	NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
	DEVICE = "[A-Za-z0-9_][A-Za-z0-9_.+-]*"
	ADDRESS = "[0-9A-Fa-f.:]+"
	# Of the link alone, and none that is somebody's: api/instances.ts has the numbers.
	GROUP = "(224[.]0[.]0[.](15[1-9]|1[6-9][0-9]|2[0-4][0-9]|250)|ff12::(9[7-9a-f]|[a-e][0-9a-f]|f[0-9a]))"
}

{
	line = $0
	if (line ~ /[^ -~]/) {
		refuse("a character that is not printable ASCII")
		next
	}
	sub(/^ +/, "", line)
	if (!allowed()) refuse("a statement that is not let through")
}

END {
	line = ""
	if (depth > 0) refuse("a block without its end")
	if (!globals) refuse("no global_defs")
	for (line in given) if (!(line in announced)) refuse_at(given[line], "an address without its comment for the list")
	for (line in announced) if (!(line in given)) refuse_at(announced[line], "a comment for an address that is not there")
}
