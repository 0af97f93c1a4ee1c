"""A server is replaced: same name, another disk, another host key. Nothing trusts it until its key is pinned."""

from collections.abc import Callable

from tests.lab.test_converge import invocations
from tests.lab.world import NodeOf

from freehold.lab import raise_, world
from freehold.lab import up as lab_up

NAME = "gpu2"
Pulumi = Callable[..., str]


def test_a_new_server_under_an_old_name_is_unknown_until_its_key_is_pinned(pulumi: Pulumi, node_of: NodeOf) -> None:
    old = node_of(NAME).check_output("wg show fh0 public-key")
    others = invocations(node_of("gpu1"))
    lab = world.open_lab()
    raise_.remove_node(lab, NAME)
    raise_.raise_nodes(lab, [NAME], lambda _: None)

    seen = pulumi("preview", "--non-interactive", "--color", "never")
    assert f"{NAME} is unknown" in seen
    assert "1 to update" not in seen

    lab_up.up()  # writes the host key that the lab knows from the node's own disk into the stack, as an owner pins it
    new = node_of(NAME).check_output("wg show fh0 public-key")
    assert new != old
    assert new in node_of("gpu1").check_output("wg show fh0 peers")
    assert old not in node_of("gpu1").check_output("wg show fh0 peers")
    assert invocations(node_of("gpu1")) == others
