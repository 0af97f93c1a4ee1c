"""How far a change of keys got: the authority knows which gateways have taken it over, and when each was heard last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freehold.errors import FreeholdError, FreeholdErrors, PartialError

if TYPE_CHECKING:
    from freehold.gateway.remote import Ledgers

WAIT_SECONDS = 4.0
"""A gateway asks each second; one that did not take a change over by then is not about to."""

STOP = "stop its gateway there (systemctl stop freehold-gateway)"


@dataclass(frozen=True)
class Reached:
    """``gateways``: for each host whether it ``knows`` the change, and ``heard_seconds`` ago (none: never).

    None of them are known where the authority could not be asked; ``problem`` says why.
    """

    gateways: Mapping[str, Mapping[str, Any]]
    problem: str = ""

    @property
    def knowing(self) -> list[str]:
        """Those where it is in force."""
        return [node for node, told in self.gateways.items() if told["knows"]]

    @property
    def others(self) -> list[str]:
        """What is known of each other one."""
        return [f"{node} {_of(told)}" for node, told in self.gateways.items() if not told["knows"]]

    @property
    def complete(self) -> bool:
        """Whether it is in force everywhere."""
        return not self.problem and not self.others

    def said(self, done: str, else_: str) -> str:
        """``done`` on those that know it, ``else_`` of those that do not."""
        if self.problem:
            return f"how far it got is not known ({self.problem})"
        parts = [f"{done} {', '.join(self.knowing)}"] if self.knowing else []
        return "; ".join([*parts, *(f"{one}: {else_}" for one in self.others)])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"gateways": dict(self.gateways), **({"gateways_problem": self.problem} if self.problem else {})}


def ask(fleet: Ledgers, row: Mapping[str, Any]) -> Reached:
    """Wait until the gateways know the change that made ``row``, some seconds at most. It does not raise."""
    names = [host["name"] for host in fleet.document["hosts"]]
    try:
        told = fleet.of_authority("key reached", version=row["version"], nodes=names, seconds=WAIT_SECONDS)
    except (FreeholdError, FreeholdErrors) as error:
        first = error.errors[0] if isinstance(error, FreeholdErrors) else error
        return Reached({}, f"{first.code}: {first.found}")
    return Reached(told)


def revoked(row: Mapping[str, Any], reached: Reached) -> str:
    """What was done, and what is left to do."""
    kept = "" if row["origin"] == "made" else "; it stays revoked though the stack still declares it"
    return f"{row['name']}: revoked{kept}; {reached.said('closed on', 'it may still open there')}"


def refuse_open(row: Mapping[str, Any], reached: Reached) -> None:
    """Raise ``KEY_STILL_OPEN`` where a gateway may still let a revoked key in."""
    if reached.complete:
        return
    out_of_stack = (
        f", or take the key out of the stack: pulumi config rm --path fleet:api_keys.{row['name']}; pulumi up"
    )
    raise PartialError(
        "KEY_STILL_OPEN",
        f"key {row['name']}",
        reached.problem or "; ".join(reached.others),
        expected="every gateway within two seconds",
        why="a gateway that does not hear the authority goes on with the keys that it knows",
        fix=STOP + ("" if row["origin"] == "made" else out_of_stack) + "; it closes by itself when it is heard again",
        changed="the authority's table: the key is revoked",
    )


def _of(told: Mapping[str, Any]) -> str:
    ago = told["heard_seconds"]
    if ago is None:
        return "was never heard of"
    return f"has not been heard of for {ago:.0f} s" if ago >= 1 else "is heard, but has not taken it over yet"
