"""The ids that a decision may name. They stand in the ledger, in metrics and in answers, so they never change."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What becomes of a request."""

    LOCAL = "local"
    LEAVES = "leaves"
    REFUSED = "refused"


class Asked(StrEnum):
    """What asked for the frontier: the model's name, the caller's header, or a rule of the owner's."""

    NAME = "name"
    HEADER = "header"
    RULE = "rule"


class Otherwise(StrEnum):
    """What a route does with a request that should leave and does not: the provider is dark, or something stops it."""

    ANSWER_LOCALLY = "answer_locally"
    REFUSE = "refuse"


class Reason(StrEnum):
    """Why. All but the first three stop a request from leaving; a condition that is unknown counts as not held."""

    LOCAL_MODEL = "local_model"
    ALL_CONDITIONS_HELD = "all_conditions_held"
    UNKNOWN_MODEL = "unknown_model"
    NOT_ASKED = "not_asked"
    CALLER_FORBIDS = "caller_forbids"
    KEY_MAY_NOT = "key_may_not"
    NO_PROVIDER = "no_provider"
    RULE_FOUND = "rule_found"
    PRICE_UNKNOWN = "price_unknown"
    CLOCK_STEPPED = "clock_stepped"
    LEDGER_NOT_WRITABLE = "ledger_not_writable"
    NO_LEASE = "no_lease"
    SHARE_CAP = "share_cap"
    MONEY_CAP = "money_cap"
    PROVIDER_DARK = "provider_dark"


MEANING: dict[Reason, str] = {
    Reason.LOCAL_MODEL: "The model is served here",
    Reason.ALL_CONDITIONS_HELD: "Every condition for leaving holds",
    Reason.UNKNOWN_MODEL: "No route has this name",
    Reason.NOT_ASKED: "Neither the model's name, nor the header, nor a rule of the owner's asks for the frontier",
    Reason.CALLER_FORBIDS: "The request's x-freehold-frontier says something else than `allow`",
    Reason.KEY_MAY_NOT: "This key may not use the frontier",
    Reason.NO_PROVIDER: "The route names no frontier provider and model",
    Reason.RULE_FOUND: "The request holds something that may never leave, or was not judged",
    Reason.PRICE_UNKNOWN: "The most that this request can cost is not known",
    Reason.CLOCK_STEPPED: "The clock was set or is not known to be right: days and months cannot be counted",
    Reason.LEDGER_NOT_WRITABLE: "The ledger cannot be written, so the expense would not be on record",
    Reason.NO_LEASE: "This gateway holds no lease of the fleet's allowance",
    Reason.SHARE_CAP: "The frontier's share of all tokens would pass its cap",
    Reason.MONEY_CAP: "The expense could pass the cap of the fleet or of this key",
    Reason.PROVIDER_DARK: "The provider does not answer; it is tried again later",
}
