# SPDX-License-Identifier: Apache-2.0
"""Configuration files are what their parts say."""

from __future__ import annotations

import configparser

from tests.lab import ini

FIRST = {'DEFAULT': {'a': '1', 'b': '2'}, 'one': {'c': '3'}}
SECOND = {'two': {'d': '4'}, 'DEFAULT': {'b': '5'}}


def test_the_last_part_counts():
    assert ini.merged(FIRST, SECOND) == {
        'DEFAULT': {'a': '1', 'b': '5'},
        'one': {'c': '3'},
        'two': {'d': '4'},
    }


def test_parts_stay_as_they_are():
    ini.merged(FIRST, SECOND)['one']['c'] = '6'
    assert FIRST['one'] == {'c': '3'}
    assert FIRST['DEFAULT']['b'] == '2'


def test_text_is_read_back():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(ini.text(FIRST, SECOND))
    assert parser.defaults() == {'a': '1', 'b': '5'}
    assert parser.get('one', 'c') == '3'
    assert parser.get('two', 'd') == '4'


def test_text_of_nothing():
    assert ini.text({}) == ''
