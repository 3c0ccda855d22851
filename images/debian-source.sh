#!/bin/sh
# Unpacks the source of a Debian package into ./PACKAGE, patched as Debian does, and notes for the image what it is.
#
#   debian-source.sh PACKAGE OLDEST ROOT     OLDEST: the oldest version that will do; ROOT: gets name, version and licence
set -eu

package=$1
oldest=$2
root=$3

# newest_first: the versions that the mirrors listed
newest_first() {
	apt-cache showsrc --only-source "$package" | sed -n 's/^Version: //p' | sort -u -r -V
}

# fetch: sets $version to the newest that a mirror really gives; some mirrors lack the sources of security updates
fetch() {
	for version in $(newest_first); do
		dpkg --compare-versions "$version" ge "$oldest" || continue
		apt-get source --quiet --only-source --download-only "$package=$version" && return 0
		echo "debian-source.sh: no mirror gives the source of $package $version: trying an older one" >&2
	done
	echo "debian-source.sh: no source of $package, version $oldest or later, can be had" >&2
	return 1
}

# note: as for a package that is installed, for scanners
note() {
	mkdir -p "$root/var/lib/dpkg/status.d" "$root/usr/share/doc/$package"
	cp "$package/debian/copyright" "$root/usr/share/doc/$package/"
	cat >"$root/var/lib/dpkg/status.d/$package" <<-END
		Package: $package
		Status: install ok installed
		Version: $version
		Architecture: $(dpkg --print-architecture)
		Maintainer: keepalived-ingress-vip
		Description: built from Debian's source package with fewer features
	END
}

fetch
dpkg-source --no-check -x "${package}_${version#*:}.dsc" "$package"
note
