#!/bin/sh
# Process 1 of test/support/uml.ts: makes a Linux of it in which programs can run, then runs what is to be run, and ends the machine.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# The processor's largest registers are not kept for each process here: who uses them computes nonsense. That goes for this shell as well, which
# begins anew for it.
if [ -z "${GLIBC_TUNABLES-}" ]; then
	export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX_Fast_Unaligned_Load,-AVX2_Usable,-XSAVEC,-XSAVE,-ERMS
	export OPENSSL_ia32cap='~0x1000000000000000:~0x20'
	exec sh "$0"
fi
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t devtmpfs dev /dev
mkdir -p /run/modules/lib/modules
ln -s "/usr/lib/uml/modules/$(uname -r)" "/run/modules/lib/modules/$(uname -r)"
# What many write at once is kept here: the folder that is shared loses some of it.
exec </dev/null >>/run/output 2>&1
while sleep 1; do cp /run/output /uml/output; done &

# load MODULE...: into this kernel
load() {
	modprobe -d /run/modules -a "$@"
}

# shellcheck source=/dev/null
. /uml/run.sh
cp /run/output /uml/output
sync
echo o >/proc/sysrq-trigger
sleep 5
