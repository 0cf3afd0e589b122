# SPDX-License-Identifier: Apache-2.0
"""tempest.conf: what the lab has, and what it has not."""

from dataclasses import dataclass
from pathlib import Path

from tests.lab import ini, keystone
from tests.lab.nova import cloud
from tests.lab.nova.lab import NovaLab

#: Whose computes the tests use.  Tempest knows one site alone: without a zone
#: the scheduler would take computes of both, and a resize may not go from one
#: cluster to the other.
SITE = 'site_a'

#: Seconds.  Two cores without KVM may be long about a boot.
BUILD_TIMEOUT_S = 600
HTTP_TIMEOUT_S = 300

FEATURES: ini.Sections = {
    # There are no agents for networks: servers have none.
    'auth': {
        'create_isolated_networks': 'false',
        'use_dynamic_credentials': 'true',
    },
    'compute': {
        'build_interval': '1',
        'build_timeout': str(BUILD_TIMEOUT_S),
        'compute_volume_common_az': SITE,
        'flavor_ref': cloud.TINY.name,
        'flavor_ref_alt': cloud.BIGGER.name,
        'max_microversion': 'latest',
        'min_compute_nodes': '2',
    },
    'compute-feature-enabled': {
        'attach_encrypted_volume': 'false',
        # Nova is to find out that the disks are shared.
        'block_migration_for_live_migration': 'true',
        'hostname_fqdn_sanitization': 'true',
        'interface_attach': 'false',
        'metadata_service': 'false',
        'resize': 'true',
        'stable_rescue': 'true',
    },
    'identity': {'region': keystone.REGION},
    'image': {'build_timeout': str(BUILD_TIMEOUT_S)},
    'service-clients': {'http_timeout': str(HTTP_TIMEOUT_S)},
    'service_available': {
        'cinder': 'false',
        'horizon': 'false',
        'swift': 'false',
    },
    # Guests without a network cannot be logged in to.
    'validation': {'run_validation': 'false'},
}


@dataclass(frozen=True)
class Images:
    """Ids of the images that servers boot from."""

    first: str
    second: str


def text(nova: NovaLab, images: Images, home: Path) -> str:
    """The file.

    :param home: where Tempest keeps its log and its locks.
    """
    identity = nova.lab.keystone
    admin = identity.credentials(keystone.ADMIN)
    own: ini.Sections = {
        'DEFAULT': {
            'log_dir': str(home),
            'log_file': 'tempest.log',
        },
        'auth': {
            'admin_username': admin['username'],
            'admin_password': admin['password'],
            'admin_project_name': admin['project_name'],
            'admin_domain_name': admin['user_domain_name'],
        },
        'compute': {
            'image_ref': images.first,
            'image_ref_alt': images.second,
        },
        'identity': {'uri_v3': identity.auth_url},
        'oslo_concurrency': {'lock_path': str(home / 'locks')},
    }
    return ini.text(FEATURES, own)
