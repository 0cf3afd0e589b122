# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg, generator

from rbd_multistore import opts

Configured = Callable[..., cfg.ConfigOpts]

# Ours, Nova's for the same thing, the field of Settings, our default.
SHARED = [
    (
        'glance_store_name',
        'images_rbd_glance_store_name',
        'glance_store_name',
        None,
    ),
    ('ceph_conf', 'images_rbd_ceph_conf', 'ceph_conf', None),
    ('rbd_user', 'rbd_user', 'rbd_user', None),
    ('libvirt_uri', 'connection_uri', 'libvirt_uri', 'qemu:///system'),
    (
        'copy_poll_interval',
        'images_rbd_glance_copy_poll_interval',
        'copy_poll_interval_s',
        15.0,
    ),
    (
        'copy_timeout',
        'images_rbd_glance_copy_timeout',
        'copy_timeout_s',
        600.0,
    ),
]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    def configure(ours: str = '', novas: str = '') -> cfg.ConfigOpts:
        path = tmp_path / 'nova.conf'
        path.write_text(f'[rbd_multistore]\n{ours}\n[libvirt]\n{novas}\n')
        conf = cfg.ConfigOpts()
        opts.register_opts(conf)
        conf(['--config-file', str(path)])
        return conf

    return configure


def value(default: Any, number: str, text: str) -> str:
    return number if isinstance(default, float) else text


@pytest.mark.parametrize(('ours', 'novas', 'field', 'default'), SHARED)
def test_default_where_neither_is_set(
    configured: Configured, ours: str, novas: str, field: str, default: Any
) -> None:
    assert getattr(opts.settings(configured()), field) == default


@pytest.mark.parametrize(('ours', 'novas', 'field', 'default'), SHARED)
def test_novas_where_only_that_is_set(
    configured: Configured, ours: str, novas: str, field: str, default: Any
) -> None:
    text = value(default, '21', 'of-nova')
    conf = configured(novas=f'{novas} = {text}')
    assert getattr(opts.settings(conf), field) == type(default or '')(text)


@pytest.mark.parametrize(('ours', 'novas', 'field', 'default'), SHARED)
def test_ours_where_both_are_set(
    configured: Configured, ours: str, novas: str, field: str, default: Any
) -> None:
    text = value(default, '7', 'of-ours')
    conf = configured(
        ours=f'{ours} = {text}',
        novas=f'{novas} = {value(default, "21", "of-nova")}',
    )
    assert getattr(opts.settings(conf), field) == type(default or '')(text)


def test_ours_set_to_its_default_still_wins(configured: Configured) -> None:
    conf = configured(
        ours='copy_timeout = 600', novas='images_rbd_glance_copy_timeout = 9'
    )
    assert opts.settings(conf).copy_timeout_s == 600.0


@pytest.mark.parametrize(
    ('novas', 'field'),
    [
        ('images_rbd_pool', 'rbd_pool'),
        ('rbd_secret_uuid', 'rbd_secret_uuid'),
    ],
)
def test_what_only_nova_has(
    configured: Configured, novas: str, field: str
) -> None:
    assert getattr(opts.settings(configured()), field) is None
    conf = configured(novas=f'{novas} = of-nova')
    assert getattr(opts.settings(conf), field) == 'of-nova'


@pytest.mark.parametrize(
    ('ours', 'field', 'wanted', 'default'),
    [
        ('libvirt_pool = p', 'libvirt_pool', 'p', None),
        ('ceph_timeout = 5', 'ceph_timeout_s', 5, 30),
    ],
)
def test_what_only_we_have(
    configured: Configured, ours: str, field: str, wanted: Any, default: Any
) -> None:
    assert getattr(opts.settings(configured()), field) == default
    assert getattr(opts.settings(configured(ours)), field) == wanted


def test_empty_means_unset(configured: Configured) -> None:
    conf = configured(
        ours='glance_store_name =\nlibvirt_pool =\nrbd_user =\nceph_conf =',
        novas='images_rbd_pool =\nrbd_secret_uuid =',
    )
    settings = opts.settings(conf)
    assert settings.glance_store_name is None
    assert settings.libvirt_pool is None
    assert settings.rbd_user is None
    assert settings.ceph_conf is None
    assert settings.rbd_pool is None
    assert settings.rbd_secret_uuid is None


def test_environment_is_as_good_as_a_file(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('OS_RBD_MULTISTORE__GLANCE_STORE_NAME', 'site_b')
    conf = configured(novas='images_rbd_glance_store_name = site_a')
    assert opts.settings(conf).glance_store_name == 'site_b'


@pytest.mark.parametrize(
    ('line', 'option'),
    [
        ('copy_timeout = soon', 'copy_timeout'),
        ('copy_timeout = 0.5', 'copy_timeout'),
        ('copy_poll_interval = 0', 'copy_poll_interval'),
        ('copy_poll_interval = often', 'copy_poll_interval'),
        ('ceph_timeout = 0', 'ceph_timeout'),
        ('ceph_timeout = 1.5', 'ceph_timeout'),
    ],
)
def test_bad_value_names_its_option(
    configured: Configured, line: str, option: str
) -> None:
    with pytest.raises(cfg.ConfigFileValueError, match=option):
        opts.settings(configured(line))


def test_bad_value_of_novas_names_its_option(configured: Configured) -> None:
    name = 'images_rbd_glance_copy_timeout'
    with pytest.raises(cfg.ConfigFileValueError, match=name):
        opts.settings(configured(novas=f'{name} = soon'))


def test_registering_twice_changes_nothing(configured: Configured) -> None:
    conf = configured('copy_timeout = 9')
    opts.register_opts(conf)
    assert opts.settings(conf).copy_timeout_s == 9.0
    assert conf.rbd_multistore.service_type == 'image'


def test_registering_after_nova(tmp_path: Path) -> None:
    path = tmp_path / 'nova.conf'
    path.write_text('[libvirt]\nimages_rbd_glance_copy_timeout = 30\n')
    conf = cfg.ConfigOpts()
    # As Nova describes them: other types, defaults and help.
    conf.register_opts(
        [
            cfg.StrOpt('images_rbd_pool', default='rbd', help='Of Nova.'),
            cfg.StrOpt('connection_uri', default='', help='Of Nova.'),
            cfg.StrOpt('rbd_user', help='Of Nova.'),
            cfg.IntOpt(
                'images_rbd_glance_copy_timeout', default=600, min=1, max=3600
            ),
            cfg.IntOpt('images_rbd_glance_copy_poll_interval', default=15),
        ],
        group='libvirt',
    )
    opts.register_opts(conf)
    conf(['--config-file', str(path)])

    settings = opts.settings(conf)

    assert settings.copy_timeout_s == 30
    assert settings.copy_poll_interval_s == 15.0
    assert settings.rbd_pool == 'rbd'
    assert settings.libvirt_uri == 'qemu:///system'


def test_defaults_of_keystoneauth(configured: Configured) -> None:
    conf = configured()
    assert conf.rbd_multistore.service_type == 'image'
    # Not for ever, which is keystoneauth1's own.
    assert conf.rbd_multistore.timeout == 60


def test_two_configurations_do_not_meet(configured: Configured) -> None:
    one = configured('copy_timeout = 9')
    other = cfg.ConfigOpts()
    opts.register_opts(other)
    other([], default_config_files=[])
    assert opts.settings(other).copy_timeout_s == 600.0
    assert opts.settings(one).copy_timeout_s == 9.0


def test_settings_cannot_be_changed(configured: Configured) -> None:
    settings = opts.settings(configured())
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.copy_timeout_s = 1.0  # type: ignore[misc]


def test_sample_config_shows_every_option() -> None:
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(['--namespace', 'rbd_multistore'], default_config_files=[])
    sample = io.StringIO()

    generator.generate(conf, sample)

    shown = sample.getvalue()
    assert '[rbd_multistore]' in shown
    for field in (*(shared[0] for shared in SHARED), 'libvirt_pool'):
        assert f'#{field} = ' in shown
    for ksa in ('auth_url', 'auth_type', 'password', 'cafile', 'timeout'):
        assert f'#{ksa} = ' in shown


def test_listed_options_are_copies() -> None:
    [(group, listed)] = opts.list_opts()
    for opt in listed:
        opt.default = None
    [(_, again)] = opts.list_opts()
    assert group == 'rbd_multistore'
    assert {opt.name: opt.default for opt in again}['copy_timeout'] == 600.0


@pytest.mark.parametrize(
    'opt', [opt for _, listed in opts.list_opts() for opt in listed]
)
def test_every_option_says_what_it_is(opt: cfg.Opt) -> None:
    assert opt.help


@pytest.mark.parametrize(
    'opt',
    [
        opt
        for _, listed in opts.list_opts()
        for opt in listed
        if opt.name.startswith(('copy_', 'ceph_'))
        and isinstance(opt, cfg.IntOpt | cfg.FloatOpt)
    ],
    ids=lambda opt: opt.name,
)
def test_every_number_has_a_least_value(opt: Any) -> None:
    assert opt.type.min is not None
