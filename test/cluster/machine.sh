#!/bin/sh
# A machine: namespaces, cgroups and a root directory of its own, and in it the services that were prepared for it.
#
#   machine.sh start CGROUP CONTROLLERS DIRECTORY LOWER KUBERNETES   joins the cgroups, then becomes the namespaces' keeper
#   machine.sh boot CONTROLLERS DIRECTORY LOWER KUBERNETES           process 1 in there: mounts, then tini and runsvdir
#
# CGROUP: path below each hierarchy. CONTROLLERS: hierarchies of cgroup version 1, separated by commas.
# DIRECTORY: the machine's disk. LOWER: the Debian tree under its root. KUBERNETES: folder with the binaries.
# When the keeper ends, for whatever reason, the kernel ends everything in the machine.
set -eu

join() {
	for controller in $(echo "$2" | tr , ' '); do
		echo $$ >"/sys/fs/cgroup/$controller/$1/cgroup.procs"
	done
}

# lay_root DIRECTORY LOWER: the Debian tree below, what the machine writes above
lay_root() {
	mkdir -p "$1/upper" "$1/work" "$1/root" "$1/containerd" "$1/kubelet" "$1/log" "$1/etcd"
	mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
}

# mount_kernel ROOT CONTROLLERS: what the kernel shows; the cgroup namespace makes the machine's own subtree the root
mount_kernel() {
	mount -t proc proc "$1/proc"
	mount -t sysfs sysfs "$1/sys"
	mount -t tmpfs -o mode=755 cgroups "$1/sys/fs/cgroup"
	for controller in $(echo "$2" | tr , ' '); do
		mkdir "$1/sys/fs/cgroup/$controller"
		options=$controller
		[ "$controller" != systemd ] || options=none,name=systemd
		mount -t cgroup -o "$options" cgroup "$1/sys/fs/cgroup/$controller"
	done
	mount --rbind /dev "$1/dev"
	mount --make-rprivate "$1/dev"
	mount -t tmpfs tmpfs "$1/dev/shm"
	mount -t tmpfs -o mode=755 tmpfs "$1/run"
	mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
}

# mount_disk DIRECTORY KUBERNETES: what must not lie on an overlay, and outlives a reboot
mount_disk() {
	for folder in containerd kubelet etcd; do
		mkdir -p "$1/root/var/lib/$folder"
		mount --bind "$1/$folder" "$1/root/var/lib/$folder"
	done
	mount --bind "$1/log" "$1/root/var/log"
	mkdir -p "$1/root/opt/kubernetes"
	mount --bind "$2" "$1/root/opt/kubernetes"
	mount -o remount,bind,ro "$1/root/opt/kubernetes"
}

# own_sysctls: private copies of what the kubelet reads or writes for the whole machine. A new boot id makes a reboot visible.
own_sysctls() {
	mkdir -p /run/sysctl
	cat /proc/sys/kernel/random/uuid >/run/sysctl/boot_id
	mount --bind /run/sysctl/boot_id /proc/sys/kernel/random/boot_id
	for key in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \
		kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
		copy=/run/sysctl/$(echo "$key" | tr / .)
		cat "/proc/sys/$key" >"$copy"
		mount --bind "$copy" "/proc/sys/$key"
	done
}

boot() {
	controllers=$1 directory=$2 lower=$3 kubernetes=$4
	mount --make-rprivate /
	lay_root "$directory" "$lower"
	mount_kernel "$directory/root" "$controllers"
	mount_disk "$directory" "$kubernetes"
	cd "$directory/root"
	mkdir -p .old
	pivot_root . .old
	cd /
	umount -l /.old
	# The kubelet's mounts must reach the containers.
	mount --make-rshared /
	hostname "$(cat /etc/hostname)"
	mkdir -p /run/lock /run/netns
	own_sysctls
	# A copy in memory: a service that was switched off is on again after a reboot.
	cp -r /etc/machine/services /run/service
	exec env -i HOME=/root PATH=/opt/kubernetes:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		tini -- runsvdir -P /run/service
}

case $1 in
start)
	join "$2" "$3"
	exec unshare --mount --net --uts --ipc --pid --cgroup --fork --kill-child=SIGKILL sh "$0" boot "$3" "$4" "$5" "$6"
	;;
boot) boot "$2" "$3" "$4" "$5" ;;
*)
	echo "usage: ${0##*/} start CGROUP CONTROLLERS DIRECTORY LOWER KUBERNETES" >&2
	exit 64
	;;
esac
