# SPDX-License-Identifier: Apache-2.0
"""What a site asks of its services, whoever writes it down.

Pure functions: each returns sections with their options, as the services'
configuration files have them.  Nothing in here knows the lab.
"""

from collections.abc import Mapping

Options = dict[str, str]
Sections = dict[str, Options]

#: Of a Glance that connects to a store's cluster, in seconds.
CONNECT_TIMEOUT_S = 15


def nova_compute(
    *, store: str, pool: str, user: str, secret_uuid: str, ceph_conf: str
) -> Sections:
    """Of a nova-compute whose disks are in Ceph.

    :param store: name of the Glance store that is this site.
    :param pool: the Ceph pool of the instances' disks.
    :param user: the cephx user, without ``client.``; it may write to
        ``pool`` and to the pool of ``store``.
    :param secret_uuid: of libvirt's secret with that user's key.
    :param ceph_conf: path of a ceph.conf that names the user's keyring.
    """
    return {
        'libvirt': {
            'images_type': 'rbd',
            'images_rbd_pool': pool,
            'images_rbd_ceph_conf': ceph_conf,
            'images_rbd_glance_store_name': store,
            # Seconds, both.
            'images_rbd_glance_copy_poll_interval': '1',
            'images_rbd_glance_copy_timeout': '600',
            'rbd_user': user,
            'rbd_secret_uuid': secret_uuid,
        },
        # An image that cannot be cloned is refused, not downloaded to each
        # compute.
        'workarounds': {'never_download_image_if_on_rbd': 'true'},
    }


def glance_stores(default: str, kinds: Mapping[str, str]) -> Sections:
    """Of a Glance with several stores.

    :param default: the store of an upload that names none.
    :param kinds: ``file`` or ``rbd`` by store; the stores' own sections are
        :func:`glance_file_store` and :func:`glance_rbd_store`.
    """
    backends = ', '.join(f'{name}:{kind}' for name, kind in kinds.items())
    return {
        'DEFAULT': {'enabled_backends': backends},
        'glance_store': {'default_backend': default},
    }


def glance_rbd_store(*, ceph_conf: str, user: str, pool: str) -> Options:
    """The section of one store in Ceph; ``user`` is without ``client.``."""
    return {
        'rbd_store_ceph_conf': ceph_conf,
        'rbd_store_user': user,
        'rbd_store_pool': pool,
        'rados_connect_timeout': str(CONNECT_TIMEOUT_S),
    }


def glance_file_store(*, directory: str) -> Options:
    """The section of one store in files; also of Glance's own two, for what
    is staged and for tasks."""
    return {'filesystem_store_datadir': directory}
