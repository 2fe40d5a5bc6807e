#!/bin/busybox sh
# First program of the virtual machine: the root of the machine around it, read-only, with memory laid over it.
set -e
busybox=/bin/busybox
$busybox mkdir -p /proc /dev /below /above /root
$busybox mount -t proc proc /proc
$busybox mount -t devtmpfs dev /dev
for module in $($busybox cat /modules/order); do $busybox insmod "/modules/$module"; done
$busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=524288,cache=loose machine /below
$busybox mount -t tmpfs tmpfs /above
$busybox mkdir /above/changes /above/work
$busybox mount -t overlay -o lowerdir=/below,upperdir=/above/changes,workdir=/above/work overlay /root
# proc/cmdline ends with "-- GUEST PROJECT MODULES COMMAND": the file that goes on in the new root, and its arguments
exec $busybox switch_root /root "$@"
