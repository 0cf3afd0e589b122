# SPDX-License-Identifier: Apache-2.0
"""What an operator meets: the check, the pool, the lists of images."""
