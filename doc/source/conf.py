# SPDX-License-Identifier: Apache-2.0
"""How the documentation is built: ``make docs``."""

import importlib.metadata
import shutil
from pathlib import Path

project = 'rbd-multistore'
copyright = 'rbd-multistore contributors'
release = importlib.metadata.version(project)
version = '.'.join(release.split('.')[:2])

extensions = ['cliff.sphinxext', 'oslo_config.sphinxext']

# The theme asks git for the date of each page, and warns where it cannot.
# From an sdist the pages have Sphinx's own theme.
if (Path(__file__).parents[2] / '.git').exists() and shutil.which('git'):
    extensions.append('openstackdocstheme')
    html_theme = 'openstackdocs'
    openstackdocs_auto_name = False
    openstackdocs_auto_version = False

pygments_style = 'native'
# Two hyphens are an option's, and no dash.
smartquotes = False

autoprogram_cliff_application = project
autoprogram_cliff_app_dist_name = project
# Commands are shown without the output options that all of them have. The
# help of --config-dir holds a "*", which reStructuredText takes for emphasis.
autoprogram_cliff_ignored = [
    '--help',
    '--config-dir',
    '--format',
    '--column',
    '--quote',
    '--noindent',
    '--max-width',
    '--fit-width',
    '--print-empty',
    '--prefix',
    '--variable',
    '--sort-column',
    '--sort-ascending',
    '--sort-descending',
]

man_pages = [
    (
        'cli/index',
        project,
        'Copy-on-write volumes from Glance images',
        'rbd-multistore contributors',
        1,
    ),
    (
        'cli/status',
        f'{project}-status',
        'Check a site before an upgrade',
        'rbd-multistore contributors',
        1,
    ),
]
