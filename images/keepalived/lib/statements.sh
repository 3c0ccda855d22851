# shellcheck shell=sh
# The statements that a configuration may have: those that the sidecar writes, and no other (statements.awk lists them).
# Offers: check_statements

need "$PARTS/statements.awk"

readonly STRANGE=78 # exit code of a candidate with another statement

# check_statements FILE: false when a configuration has something that the sidecar does not write; sets $code, and says in $SAID what
check_statements() {
	code=$STRANGE
	awk -v directory="$RUNTIME_DIR" -f "$PARTS/statements.awk" "$1" >"$SAID" 2>&1 && [ ! -s "$SAID" ]
}
