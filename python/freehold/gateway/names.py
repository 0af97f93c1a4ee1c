"""The names that clients may ask for: the models that are served, and the owner's aliases for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from freehold.gateway.config import GatewayConfig, Model
from freehold.gateway.refusals import not_yours, unknown_model
from freehold.ledger.key_records import KeyLimits


@dataclass(frozen=True)
class Names:
    """Names, each with the model that answers."""

    models: dict[str, Model]

    @classmethod
    def of(cls, config: GatewayConfig) -> Names:
        """Models, then aliases; the settings' check has seen that an alias leads to a model."""
        served = {model.name: model for model in config.models}
        return cls(served | {alias: served[target] for alias, target in config.aliases})

    def find(self, name: str, kind: str, limits: KeyLimits) -> Model:
        """The model that answers for ``name``. Raises a refusal: 404 with those that there are, 403 for another's."""
        model = self.models.get(name)
        if model is None or model.kind != kind:
            raise unknown_model(self.seen_by(limits, kind), kind)
        if not self.allowed(name, limits):
            raise not_yours(self.seen_by(limits, kind))
        return model

    def listed(self, limits: KeyLimits) -> list[Model]:
        """What a caller may use, an alias under its own name."""
        return [replace(model, name=name) for name, model in self.models.items() if self.allowed(name, limits)]

    def seen_by(self, limits: KeyLimits, kind: str) -> Iterator[str]:
        """Names of one kind that a caller may use."""
        return (name for name, model in self.models.items() if model.kind == kind and self.allowed(name, limits))

    def allowed(self, name: str, limits: KeyLimits) -> bool:
        """A key that may use a model may use it by each of its names."""
        return limits.allows(name) or limits.allows(self.models[name].name)
