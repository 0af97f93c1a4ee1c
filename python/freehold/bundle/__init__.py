"""The bundle: everything that nodes install, built on the control host, signed, and served to them.

``layout``   where things lie            ``manifest``  every file with its digest
``keys``     the signing key             ``parts``     packages, wheels, weights: what each is made from
``builder``  build beside, then switch   ``verify``    signature, every byte, nothing beside it
``describe`` what a deployment needs to know of a bundle
"""

from freehold.bundle.builder import BundleInfo, build
from freehold.bundle.describe import describe
from freehold.bundle.keys import fingerprint
from freehold.bundle.verify import check_owner, refuse_older, verify

__all__ = ["BundleInfo", "build", "check_owner", "describe", "fingerprint", "refuse_older", "verify"]
