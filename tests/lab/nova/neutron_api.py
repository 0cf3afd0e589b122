# SPDX-License-Identifier: Apache-2.0
"""Neutron's WSGI application, for :mod:`tests.lab.serve`.

A list of ports names what the model of port forwardings adds to a port, and
only the plug-in for floating addresses, which the lab does not have, imports
that model (Neutron 29.0).  It adds it when the models are configured, which
otherwise is left to the first query.
"""

from neutron.db.models import port_forwarding  # noqa: F401
from neutron.wsgi.api import application
from sqlalchemy import orm

orm.configure_mappers()

__all__ = ['application']
