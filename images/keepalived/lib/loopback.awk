# From what the sidecar wrote into the file of addresses for lo, what is to be done about them; or what is wrong with the file.
#
# Input, with a tag first:
#   address ADDRESS            of the file: is to be on lo
#   listed ADDRESS/PREFIX      this release may have put it there
#   here LINE                  of "ip -o address show dev lo"
# Anything else is a line that the sidecar does not write.
# Prints "! what is wrong", five at most; else, in this order, lines of
#   drop ADDRESS/PREFIX        ours, there, and not asked for
#   keep ADDRESS/PREFIX        ours and asked for: what is on the list from now on
#   add ADDRESS/PREFIX         the same, and not there
#   strange ADDRESS/PREFIX     asked for, and somebody else has put it there

# is_address TEXT: one of another machine's, as far as digits tell; whether it is one in every detail the kernel says
function is_address(text) {
	if (length(text) > 39) return 0
	if (text ~ /^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$/) return text !~ /^(0|127|22[4-9]|2[3-5][0-9])[.]/
	return text ~ /^[0-9a-f:]*:[0-9a-f:]*$/ && text !~ /^(::1?$|f[ef])/
}

# whole ADDRESS: with the prefix of a host
function whole(address) { return address (address ~ /:/ ? "/128" : "/32") }

function refuse(line) { if (wrong++ < 5) print "! no such line is known: " substr(line, 1, 80) }

$1 == "here" { if ($4 == "inet" || $4 == "inet6") there[$5 ~ /[/]/ ? $5 : whole($5)] = 1; next }
$1 == "listed" { if (NF == 2) listed[$2] = 1; next }
$1 == "address" && NF == 2 && is_address($2) { if (!(whole($2) in asked)) order[++count] = whole($2); asked[whole($2)] = 1; next }
NF > 0 { refuse($0) }

END {
	if (wrong) exit
	for (each in listed) if ((each in there) && !(each in asked)) print "drop " each
	for (i = 1; i <= count; i++) {
		each = order[i]
		if ((each in there) && !(each in listed)) { print "strange " each; continue }
		print "keep " each
		if (!(each in there)) print "add " each
	}
}
