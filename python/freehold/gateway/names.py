"""The names that clients may ask for: the models that are served, the owner's aliases, and names that may leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from freehold.gateway.api.catalogue import FREEHOLD, Listed
from freehold.gateway.config import GatewayConfig, Model
from freehold.gateway.refusals import not_yours, unknown_model
from freehold.ledger.key_records import KeyLimits


@dataclass(frozen=True)
class Names:
    """Names, each with the model that answers here. ``routed`` tells the provider of those that may leave."""

    models: dict[str, Model]
    routed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: GatewayConfig) -> Names:
        """Models, aliases, routes; the settings' check has seen that each leads to a model."""
        served = {model.name: model for model in config.models}
        named = served | {alias: served[target] for alias, target in config.aliases}
        routes = config.frontier.routes if config.frontier else ()
        local = {route.model: served[route.local] for route in routes}
        return cls(named | local, {route.model: route.provider for route in routes})

    def find(self, name: str, kind: str, limits: KeyLimits) -> Model:
        """The model that answers for ``name``. Raises a refusal: 404 with those that there are, 403 for another's."""
        model = self.models.get(name)
        if model is None or model.kind != kind:
            raise unknown_model(self.seen_by(limits, kind), kind)
        if not self.allowed(name, limits):
            raise not_yours(self.seen_by(limits, kind))
        return model

    def listed(self, limits: KeyLimits) -> list[Listed]:
        """What a caller may use, an alias under its own name; a name that may leave says where to."""
        return [
            Listed(replace(model, name=name), f"frontier: {self.routed[name]}" if name in self.routed else FREEHOLD)
            for name, model in self.models.items()
            if self.shown(name, limits)
        ]

    def seen_by(self, limits: KeyLimits, kind: str) -> Iterator[str]:
        """Names of one kind that a caller may use."""
        return (name for name, model in self.models.items() if model.kind == kind and self.shown(name, limits))

    def shown(self, name: str, limits: KeyLimits) -> bool:
        """Tell whether a caller is told of a name: one that may leave only if the caller's requests may."""
        return self.allowed(name, limits) and (limits.frontier or name not in self.routed)

    def allowed(self, name: str, limits: KeyLimits) -> bool:
        """A key that may use a model may use it by each of its names; but not by one that may lead away."""
        return limits.allows(name) or (name not in self.routed and limits.allows(self.models[name].name))
