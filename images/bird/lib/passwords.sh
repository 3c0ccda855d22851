# shellcheck shell=sh
# Passwords of sessions (TCP MD5, RFC 2385): from mounted Secrets to files that BIRD's configuration includes, which nobody else can read.
# Offers: write_passwords

password_problems='' # sentences, a line each

# password_of PEER: sets $password and $because: the latter says why there is none that can be used, and is empty when there is
password_of() {
	because='' password=''
	if ! [ -f "$PASSWORD_DIR/$1" ]; then
		because="there is no such Secret or key"
		return
	fi
	# What an editor puts at the end is not meant.
	password=$(cat "$PASSWORD_DIR/$1")
	case $password in
	'') because="it is empty" ;;
	# A text of BIRD's configuration cannot have these.
	*\"* | *[!\ -~]*) because="it has a quote, a line break or a character that is not ASCII" ;;
	esac
	[ "${#password}" -le 80 ] || because="it has more than 80 characters, which TCP cannot do"
}

# statements: prints what the configuration of a session includes
statements() {
	if [ -n "$because" ]; then
		printf 'disabled yes;\n'
	else
		printf 'authentication md5;\npassword "%s";\n' "$password"
	fi
}

# report PEER: says why there is no session, in the log and in $password_problems
report() {
	log error "no session with this peer: its password cannot be used" peer="$1" because="$because"
	password_problems="$password_problems${NEWLINE}no session with $1: its password cannot be used: $because"
}

# write_passwords: one file for each peer that has a password. A session whose password cannot be had is not begun without it. Sets
# $password_problems.
write_passwords() {
	password_problems=''
	while read -r peer; do
		password_of "$peer"
		[ -z "$because" ] || report "$peer"
		statements >"$RUNTIME_DIR/$peer.conf"
	done <"$CONFIG_DIR/passwords"
	password=''
}
