#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: bootstrap.sh test|lab|nova|tempest
#
# Makes what the tests (test), the lab (lab) or the lab with a Nova (nova) are
# run with, as far as it is missing: Debian packages (for test only where no
# python3 serves), the virtual environment .venv and, for Nova, .venv-neutron.
# What Tempest is run with (tempest), .venv-tempest, comes on top of Nova's.
# Needs nothing but a POSIX shell, apt and the base system.
set -eu

mode=$1
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
venv=.venv
neutron_venv=.venv-neutron
tempest_venv=.venv-tempest
constraints=tests/lab/constraints.txt

# One at a time; the lock is this file itself, so it leaves no file behind.
exec 9<"$here/bootstrap.sh"
flock 9

say() { echo "bootstrap: $*"; }

die() {
    echo "bootstrap: error: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# The names in bindep.txt, without comments and without profiles in brackets;
# those of the profile nova only for Nova.
wanted_packages() {
    case $mode in
        test) echo python3-venv; return ;;
        lab) skip='/\[.*nova.*\]/d' ;;
        nova) skip= ;;
    esac
    sed -e 's/#.*//' -e "$skip" -e 's/\[.*//' bindep.txt
}

missing_packages() {
    for package in $(wanted_packages); do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" \
            2>/dev/null) || status=none
        [ "$status" = installed ] || echo "$package"
    done
}

install_packages() {
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    say "installing with apt-get: $missing"
    apt_install $missing && return 0
    say 'that failed, trying again with new package lists'
    as_root apt-get -q update
    apt_install $missing
}

# Neither questions nor daemons: what the packages would start is not the
# lab's, and is not started.
apt_install() {
    forbid_daemons
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -q -y -o Dpkg::Use-Pty=0 \
        --no-install-recommends install "$@" >"$apt_log" 2>&1 ||
        { tail -n 15 "$apt_log" >&2; return 1; }
}

# Where systemd runs, this file alone is asked whether a daemon may be started.
forbid_daemons() {
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then return 0; fi
    trap 'as_root rm -f $policy' EXIT
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy"
    as_root chmod 755 $policy
}

serves() { "$1" -c "$2" >/dev/null 2>&1; }

new_enough='import sys, venv, ensurepip; assert sys.version_info >= (3, 11)'
has_ceph='import rados, rbd, libvirt'

# The bindings of librados and librbd exist only as Debian packages, for
# Debian's own interpreter; the first python3 on the path may be another one.
find_python() {
    for python in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        serves "$python" "$new_enough" || continue
        [ "$mode" = test ] || serves "$python" "$has_ceph" || continue
        echo "$python"
        return
    done
}

make_venv() {
    if [ -x $venv/bin/python ] && serves $venv/bin/python "$new_enough"; then
        [ "$mode" = test ] && return 0
        serves $venv/bin/python "$has_ceph" && return 0
        say "$venv serves an interpreter without Ceph's bindings"
    fi
    python=$(find_python)
    if [ -z "$python" ]; then
        [ "$mode" = test ] || die "no python3 >= 3.11 imports rados, rbd, libvirt"
        die 'no python3 >= 3.11 with venv'
    fi
    say "making $venv on $python"
    rm -rf $venv
    "$python" -m venv --system-site-packages $venv
}

up_to_date() {
    for source in setup.cfg pyproject.toml "$constraints" tests/lab/*.txt \
        tests/*-requirements.txt tests/lab/bootstrap.sh; do
        [ "$1" -nt "$source" ] || return 1
    done
}

install_python() {
    set -- -e '.[test]'
    if [ "$mode" != test ]; then set -- "$@" -r tests/lab/requirements.txt; fi
    if [ "$mode" = nova ]; then set -- "$@" -r tests/nova-requirements.txt; fi
    install_into $venv "$venv/.$mode-stamp" "$@"
}

# make_own_venv VENV REQUIREMENTS
# For programs whose requirements are nobody else's; they need no bindings of
# Ceph.
make_own_venv() {
    if ! serves "$1/bin/python" "$new_enough"; then
        say "making $1"
        rm -rf "$1"
        "$(find_python)" -m venv "$1"
    fi
    install_into "$1" "$1/.stamp" -r "$2"
}

# install_into VENV STAMP WHAT...
# pip would need ten times as long, but it knows this machine's indexes best:
# it gets its turn where uv fails.
install_into() {
    where=$1
    stamp=$2
    shift 2
    if up_to_date "$stamp"; then return 0; fi
    say "installing Python packages for the $mode into $where" \
        "(log: $where/install.log)"
    set -- -c "$constraints" "$@"
    if ! with_uv "$where" "$@" >"$where/install.log" 2>&1; then
        say 'uv did not manage, using pip'
        "$where/bin/pip" install -q "$@" >>"$where/install.log" 2>&1 ||
            { tail -n 15 "$where/install.log" >&2; die 'pip failed'; }
    fi
    touch "$stamp"
}

# with_uv VENV WHAT...
with_uv() {
    into=$1/bin/python
    shift
    pip=$venv/bin/pip
    [ -x $venv/bin/uv ] || $pip install -q 'uv>=0.5' || return 1
    index=$($pip config get global.index-url 2>/dev/null) ||
        index=${PIP_INDEX_URL:-}
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
    if [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE="$PIP_CERT"; fi
    $venv/bin/uv pip install --no-progress --python "$into" "$@"
}

if [ "$mode" = tempest ]; then
    make_own_venv $tempest_venv tests/tempest-requirements.txt
    exit
fi
if [ "$mode" != test ] || [ -z "$(find_python)" ]; then
    mkdir -p .lab/log
    apt_log=.lab/log/apt.log
    install_packages
fi
make_venv
install_python
if [ "$mode" = nova ]; then
    make_own_venv $neutron_venv tests/neutron-requirements.txt
fi
