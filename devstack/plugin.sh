#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# DevStack sources this in each of its phases: plugin.sh MODE [PHASE].

_XTRACE_RBD_MULTISTORE=$(set +o | grep xtrace)
set +o xtrace

case "$1 ${2:-}" in
    "stack pre-install")
        echo_summary "Checking what rbd-multistore needs"
        rbd_multistore_check_requirements
        if is_service_enabled n-cpu; then
            rbd_multistore_install_bindings
        fi
        ;;
    "stack install")
        if is_service_enabled n-cpu; then
            echo_summary "Installing rbd-multistore"
            rbd_multistore_install
        fi
        ;;
    "stack post-config")
        echo_summary "Configuring rbd-multistore"
        if is_service_enabled keystone; then
            rbd_multistore_create_user
        fi
        if is_service_enabled g-api; then
            rbd_multistore_configure_glance
        fi
        if is_service_enabled n-cpu; then
            rbd_multistore_configure_nova
            rbd_multistore_replace_nova_compute
        fi
        ;;
    "stack extra")
        if is_service_enabled g-api; then
            rbd_multistore_await_image
        fi
        ;;
    "stack test-config")
        if is_service_enabled n-cpu; then
            echo_summary "Trying what rbd-multistore needs"
            rbd_multistore_check
        fi
        ;;
    "unstack "*)
        rbd_multistore_undo
        ;;
    "clean "*)
        rbd_multistore_undo
        rbd_multistore_remove
        ;;
esac

$_XTRACE_RBD_MULTISTORE
