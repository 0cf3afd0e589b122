#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: unshare --mount --uts --propagation private \
#            sh private_mounts.sh HOME CMD...
#
# Runs CMD where libvirt's system directories are those in HOME.  libvirt has
# their paths compiled in, so a second libvirtd beside one that the machine
# runs already needs a mount namespace of its own.  Nothing of this is seen
# outside of that namespace, and it goes with its last process.
#
# HOME of a nova-compute also has its state directory, its host's name and
# what that host knows of the others: several of them on one machine then look
# to Nova and to libvirt like hosts that are set up alike.
set -eu

home=$1
shift

# give TARGET SOURCE: TARGET shows SOURCE, a directory or a file.
give() {
    if [ ! -e "$1" ]; then
        if [ -d "$2" ]; then make=mkdir; else make=touch; fi
        rebuild "$(dirname "$1")" "$make" "$(basename "$1")"
    fi
    mount --bind "$2" "$1"
}

# rebuild DIR MAKE NAME: DIR stays as it is but for a new NAME, made by MAKE.  A
# bind mount needs something to be mounted on, and making that for real would
# leave a trace on the machine.
rebuild() {
    copy=$home/mirror
    mount -t tmpfs -o mode=0755 lab "$copy"
    for entry in "$1"/* "$1"/.[!.]*; do
        new=$copy/${entry##*/}
        if [ -L "$entry" ]; then
            cp -P "$entry" "$new"
        elif [ -d "$entry" ]; then
            mkdir "$new"
            mount --rbind "$entry" "$new"
        elif [ -e "$entry" ]; then
            : >"$new"
            mount --bind "$entry" "$new"
        fi
    done
    "$2" "$copy/$3"
    mount --move "$copy" "$1"
}

give /etc/libvirt "$home/etc"
give /run/libvirt "$home/run"
give /var/lib/libvirt "$home/lib"
give /var/cache/libvirt "$home/cache"
give /var/log/libvirt "$home/log"

if [ -e "$home/hostname" ]; then
    give /var/lib/nova "$home/nova"
    cat "$home/hostname" >/proc/sys/kernel/hostname
    give /etc/hosts "$home/hosts"
fi

# libvirtd asks for the user and group it was compiled for before it reads that
# it should use others.  They come with a package that also starts a libvirtd of
# the machine's own, so they may be missing.
for database in passwd group; do
    if ! getent "$database" libvirt-qemu >/dev/null; then
        cp "/etc/$database" "$home/$database"
        case $database in
            passwd) echo 'libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin' ;;
            group) echo 'libvirt-qemu:x:64055:' ;;
        esac >>"$home/$database"
        mount --bind "$home/$database" "/etc/$database"
    fi
done

# Guests of the lab are emulated.  Where KVM is there but may not be used,
# libvirt asks QEMU anew at every look-up, which takes seconds.  A read-only
# file in its place is unusable for root, too.
if [ -e /dev/kvm ]; then
    : >"$home/no-kvm"
    mount --bind "$home/no-kvm" /dev/kvm
    mount -o remount,bind,ro /dev/kvm
fi

exec "$@"
