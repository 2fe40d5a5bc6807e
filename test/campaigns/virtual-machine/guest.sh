#!/bin/bash
# Second program of the virtual machine, in the root of the machine around it: what an init system does before tests can
# run, the tests, and the end. Cgroup version 2 alone, as Debian 12 has it.
#   guest.sh PROJECT MODULES COMMAND…
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/run/tests
project=$1 modules=$2
shift 2
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /usr/lib/modules
mount -t devpts devpts /dev/pts
for directory in /dev/shm /run; do mount -t tmpfs tmpfs $directory; done
# containerd's layers cannot lie upon a layer
mkdir /run/tests && mount -t tmpfs tmpfs /run/tests
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -sfn "$modules/$(uname -r)" "/usr/lib/modules/$(uname -r)"
ln -sfn /bin/busybox /usr/sbin/modprobe
ip link set lo up
cd "$project" || exit 1
export PATH=$project/node_modules/.bin:$PATH
echo "guest: Linux $(uname -r), /sys/fs/cgroup is $(stat -fc %T /sys/fs/cgroup) with $(cat /sys/fs/cgroup/cgroup.controllers)"
"$@" </dev/null
echo "guest: exit $?"
echo o > /proc/sysrq-trigger
sleep 60
