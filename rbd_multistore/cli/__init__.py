# SPDX-License-Identifier: Apache-2.0
"""The command line. The only room that prints."""
