#!/bin/sh
# Runs inside the new mount and pid namespace of test/support/container.ts: puts a container's file system together,
# says "ready" on file descriptor 3 and becomes the container's process.
#
# container-enter.sh STAGING ROOT [bind SOURCE TARGET ro|rw | tmpfs TARGET]... -- COMMAND [ARGUMENT]...
# STAGING: an empty directory of the host, only used as a mount point. COMMAND runs in the new root.
set -eu

staging=$1
lower=$2
shift 2
root=$staging/root

# The host path of a path in the new root, with symbolic links (Debian's /var/run) followed inside the root, not on the host.
inside() { # TARGET
	echo "$root$(chroot "$root" realpath -m "$1")"
}

make_mount_point() { # SOURCE TARGET
	if [ -d "$1" ]; then
		mkdir -p "$2"
	elif ! [ -e "$2" ]; then
		mkdir -p "${2%/*}"
		: >"$2"
	fi
}

bind() { # SOURCE TARGET ro|rw
	make_mount_point "$1" "$2"
	mount --rbind "$1" "$2"
	if [ "$3" = ro ]; then
		mount -o remount,bind,ro "$2"
	fi
}

make_root() {
	mount -t tmpfs -o mode=0755 tmpfs "$staging"
	mkdir "$staging/upper" "$staging/work" "$root"
	# An overlay, as container engines use: mount points can be made without touching the cached directory.
	mount -t overlay -o "lowerdir=$lower,upperdir=$staging/upper,workdir=$staging/work" overlay "$root"
}

make_dev() {
	mkdir -p "$root/dev"
	mount -t tmpfs -o mode=0755,nosuid tmpfs "$root/dev"
	for node in null zero full random urandom tty; do
		bind "/dev/$node" "$root/dev/$node" rw
	done
	mkdir "$root/dev/shm"
	mount -t tmpfs -o mode=1777,nosuid,nodev,size=64m tmpfs "$root/dev/shm"
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s /proc/self/fd/0 "$root/dev/stdin"
	ln -s /proc/self/fd/1 "$root/dev/stdout"
	ln -s /proc/self/fd/2 "$root/dev/stderr"
}

# As in an unprivileged container: kernel settings are not writable.
make_proc_and_sys() {
	mkdir -p "$root/proc" "$root/sys"
	mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
	mount --bind "$root/proc/sys" "$root/proc/sys"
	mount -o remount,bind,ro "$root/proc/sys"
	mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
}

make_root
make_proc_and_sys
make_dev
while [ "$1" != -- ]; do
	case $1 in
	bind)
		bind "$2" "$(inside "$3")" "$4"
		shift 4
		;;
	tmpfs)
		target=$(inside "$2")
		mkdir -p "$target"
		mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$target"
		shift 2
		;;
	*)
		echo "container-enter.sh: unknown instruction $1" >&2
		exit 64
		;;
	esac
done
shift
mount -o remount,bind,ro "$root"

echo ready >&3
exec 3>&-
exec chroot "$root" "$@"
