# SPDX-License-Identifier: Apache-2.0
"""The main job on real services: volumes cloned, copied first, refused."""
