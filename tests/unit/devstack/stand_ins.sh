#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A DevStack without OpenStack: stand_ins.sh STEP... runs the plugin's files as
# stack.sh, unstack.sh and clean.sh do. Each call of one of DevStack's
# functions is written to $JOURNAL, and its number of arguments looked at.
# Those that write config files do.
#
# A step is a file of the plugin ("settings", "override-defaults"), a mode and
# a phase ("stack post-config"), or "start-nova-compute".
#
# $FUNCTIONS has a line for each function: its name, and the fewest and most
# arguments.

set -o errexit
set -o nounset
set -o pipefail

function _call {
    local name=$1
    local least=$2
    local most=$3
    shift 3
    _write_down "$name" "$@"
    if [[ "${1:-}" == -sudo ]]; then
        shift
    fi
    if (($# < least || $# > most)); then
        echo "$name is called with $# arguments: $*" >&2
        exit 99
    fi
    if declare -F "_stand_in_$name" >/dev/null; then
        "_stand_in_$name" "$@"
    fi
}

# In one write, as there may be several writers.
function _write_down {
    local call
    printf -v call '%s\x1f' "$@"
    printf '%s\x1e' "${call%?}" >>"$JOURNAL"
}

while read -r name least most; do
    eval "function $name { _call $name $least $most \"\$@\"; }"
done <<<"$FUNCTIONS"

# Programs
# --------

function sudo {
    _write_down sudo "$@"
    case "$1" in
        install | mkdir | rm | runuser | tee) command "$@" ;;
    esac
}

# What DevStack's functions do
# ----------------------------

function _stand_in_die {
    shift
    echo "$*" >&2
    exit 1
}

function _stand_in_echo_summary {
    echo "$*"
}

function _stand_in_is_service_enabled {
    local service
    for service in "$@"; do
        if [[ ",$ENABLED_SERVICES," == *",$service,"* ]]; then
            return 0
        fi
    done
    return 1
}

function _stand_in_is_ceph_enabled_for_service {
    [[ ",$CEPH_SERVICES," == *",$1,"* ]]
}

function _stand_in_trueorfalse {
    local value=${!2:-$1}
    case "$value" in
        1 | [Yy]es | [Tt]rue | TRUE) echo True ;;
        0 | [Nn]o | [Ff]alse | FALSE) echo False ;;
        *) echo "$1" ;;
    esac
}

function _stand_in_test_with_retry {
    if ! sh -c "$1"; then
        die 0 "$2"
    fi
}

# White space in a value is lost, as it is in DevStack.
function _stand_in_iniset {
    local words
    read -ra words <<<"$4"
    _edit "$1" "$2" "$3" "$3 = ${words[*]}"
}

# sed, which DevStack calls, fails where there is no file.
function _stand_in_inidelete {
    [[ -e "$1" ]]
    _edit "$1" "$2" "$3"
}

function _stand_in_configure_keystoneauth {
    local admin_user=$2
    local option
    local value
    while read -r option value; do
        eval "value=$value"
        _stand_in_iniset "$1" "$3" "$option" "$value"
    done <<<"$KEYSTONEAUTH"
}

# _edit FILE SECTION OPTION [LINE]: LINE in place of the option's, or nothing.
function _edit {
    local file=$1
    local header="[$2]"
    local option=$3
    local section=""
    local seen=""
    local line
    local lines=()
    local edited=()
    if [[ -e "$file" ]]; then
        mapfile -t lines <"$file"
    fi
    for line in "${lines[@]}"; do
        if [[ "$line" == \[* ]]; then
            section=$line
        fi
        if [[ "$section" == "$header" && "$line" == "$option ="* ]]; then
            continue
        fi
        edited+=("$line")
        if [[ "$line" == "$header" ]]; then
            seen=yes
            if [[ $# -gt 3 ]]; then
                edited+=("$4")
            fi
        fi
    done
    if [[ -z "$seen" && $# -gt 3 ]]; then
        edited+=("$header" "$4")
    fi
    printf '%s\n' "${edited[@]}" >"$file"
}

# The steps
# ---------

# As DevStack's function of that name makes the file.
function _start_nova_compute {
    cp "$NOVA_CONF" "$NOVA_CPU_CONF"
}

if [[ -n "${CEPH_SERVICES-}" ]]; then
    : "devstack-plugin-ceph is enabled, and comes first"
else
    unset -f is_ceph_enabled_for_service
fi

for step in "$@"; do
    case "$step" in
        settings | override-defaults) source "$PLUGIN/$step" ;;
        start-nova-compute) _start_nova_compute ;;
        *)
            read -ra words <<<"$step"
            source "$PLUGIN/plugin.sh" "${words[@]}"
            ;;
    esac
done
