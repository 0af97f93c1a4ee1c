"""`pulumi destroy` takes away what was deployed and leaves what is the owner's; `pulumi up` brings it back."""

from collections.abc import Callable

from testinfra.host import Host
from tests.lab.world import Document

from freehold.status.gather import Access
from freehold.status.probe import probe

WEIGHTS = "/var/lib/freehold/weights/models/smollm2-135m-instruct/manifest.json"


def test_destroy_leaves_the_weights_and_up_brings_the_service_back(
    pulumi: Callable[..., str], node: Host, first_host: Document, document: Document, access: Access
) -> None:
    weights = node.file(WEIGHTS).sha256sum
    try:
        pulumi("destroy", "--yes", "--skip-preview", "--non-interactive", "--color", "never")
        assert node.check_output("systemctl list-units --all --plain --no-legend 'freehold-*'") == ""
        assert node.check_output("find /opt/freehold -type f") == ""
        assert not node.file("/etc/freehold/gateway.json").exists
        assert node.file(WEIGHTS).sha256sum == weights
    finally:
        pulumi("up", "--yes", "--skip-preview", "--non-interactive", "--color", "never")
    chat = next(model["name"] for model in document["models"] if model["kind"] == "chat")
    answer = probe(first_host["serve_address"], document["gateway"]["port"], access.client_key, chat)
    assert answer.answered, answer.error
