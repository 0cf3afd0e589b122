#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The Ceph pools and users of one site. Run it with the admin keyring of that
# site's cluster; what is there already is left alone, but caps are not
# changed: use "ceph auth caps" for that.
set -eu

images=${IMAGES_POOL:-images}
disks=${DISKS_POOL:-vms}

for pool in "$images" "$disks"; do
    ceph osd pool create "$pool"
    rbd pool init "$pool"
done

# Glance writes images.
ceph auth get-or-create client.glance \
    mon 'profile rbd' osd "profile rbd pool=$images"

# Compute nodes write disks and read images. "profile rbd-read-only" on the
# images is enough for clones; then "image repair" cannot remove anything.
ceph auth get-or-create client.nova \
    mon 'profile rbd' osd "profile rbd pool=$disks, profile rbd pool=$images"
