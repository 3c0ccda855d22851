#!/bin/sh
# Collects commands into a root directory for an image of their own: with the libraries that they are linked with, with the
# licences of the packages that all of it comes from, and with the packages' names and versions where scanners look for them.
#
#   [BELOW=FOLDER] collect-root.sh ROOT COMMAND...     COMMAND: a name on PATH, or an absolute path
#
# What is below FOLDER already, the layer that the image begins with, is left out.
set -eu

root=$1
shift

# As in Debian: one place for programs, one for libraries.
mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/var/lib/dpkg/status.d"
for folder in bin sbin lib lib64; do
	[ -e "$root/$folder" ] || ln -s "usr/$folder" "$root/$folder"
done

# Without it scanners do not know whose packages these are, and find no vulnerability of theirs.
mkdir -p "$root/etc"
cp -L /etc/os-release "$root/etc/"

# libraries_of PROGRAM: paths, the loader among them
libraries_of() {
	ldd "$1" | sed -n -e 's/.* => \(\/[^ ]*\) (.*/\1/p' -e 's/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p'
}

# note_package FILE: what this package is, and its licence; a file that no package owns was built here
note_package() {
	package=$(dpkg-query --search "$(realpath "$1")" 2>/dev/null | sed -n '1s/[:,].*//p')
	[ -n "$package" ] || return 0
	dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
	mkdir -p "$root/usr/share/doc/$package"
	cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/"
}

# take FILE: to the same path below the root
take() {
	[ ! -e "$root$1" ] || return 0
	[ -z "${BELOW-}" ] || [ ! -e "$BELOW$1" ] || return 0
	mkdir -p "$root${1%/*}"
	cp -L "$1" "$root$1"
	note_package "$1"
}

for name in "$@"; do
	program=$(command -v "$name") || {
		echo "collect-root.sh: there is no command $name here" >&2
		exit 1
	}
	take "$program"
	for library in $(libraries_of "$program"); do
		take "$library"
	done
done
