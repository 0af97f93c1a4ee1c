"""A fleet that is not there: OpenMetrics text of every series that the page asks for, over a span of time.

Two nodes with eight GPUs each, two models, one certificate, a check that could not look two hours ago. All of it is
made up, with waves in the place of load; what is drawn of it says that it is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

NODES = ("gpu1", "gpu2")
GPUS = range(8)
CHAT, EMBEDDING = "small-chat", "small-vectors"
MODELS = {CHAT: "vllm", EMBEDDING: "llama_cpp"}
KEYS = ("operator", "agents")
HOUR = 3600.0

Course = Callable[[float], float | None]
"""The value at so many seconds before now (negative: the past); None: no sample."""


@dataclass(frozen=True)
class Series:
    """A name, its labels, and its course."""

    name: str
    labels: Mapping[str, str]
    course: Course


def load(at: float, phase: float = 0.0) -> float:
    """Between 0.08 and 0.95: a day's wave with an hour's on it."""
    day = math.sin((at / HOUR + phase) * math.pi / 12)
    return 0.5 + 0.33 * day + 0.12 * math.sin((at / HOUR + phase * 3) * math.pi * 1.7)


def flat(value: float) -> Course:
    return lambda _at: value


def wave(low: float, high: float, phase: float = 0.0) -> Course:
    return lambda at: low + (high - low) * load(at, phase)


def rising(rate: float, phase: float = 0.0) -> Course:
    """A counter; it does not fall."""
    return lambda at: 40 * 86400 * rate + rate * (at + 0.3 * HOUR * math.sin(at / HOUR + phase))


def always(value: float) -> Callable[[int], Course]:
    """The same on every node."""
    return lambda _node: flat(value)


def counted(rate: float) -> Callable[[int], Course]:
    """A counter on every node."""
    return lambda node: rising(rate, node)


def _price(part: float) -> Course:
    return lambda at: part * (14.9 + 1.7 * load(at)) / (11.5 * load(at))


def fleet(now: float) -> Iterator[Series]:
    """All series."""
    yield from _declared()
    yield from _cost()
    yield from _tokens()
    yield from _engines()
    yield from _gpus()
    yield from _gateways()
    yield from _machines(now)
    yield from _sovereignty(now)
    yield from _watchers()


def _of_nodes(name: str, course: Callable[[int], Course], **labels: str) -> Iterator[Series]:
    for index, node in enumerate(NODES):
        yield Series(name, {"node": node, **labels}, course(index))


def _declared() -> Iterator[Series]:
    yield from _of_nodes("freehold:declared_node", lambda _: flat(1))
    yield from _of_nodes("freehold:declared_gpus", lambda _: flat(8))
    yield Series("freehold:simulated", {"part": "gpu"}, flat(1))
    yield from _of_nodes("freehold_simulated", lambda _: flat(1), part="gpu", job="gpu")
    euro = {"currency": "EUR"}
    yield Series("freehold:price_electricity_per_kwh", euro, flat(0.21))
    yield Series("freehold:price_node_purchase", euro, flat(310000))
    yield Series("freehold:price_node_years", {}, flat(5))
    yield Series("freehold:price_pue", {}, flat(1.3))
    yield Series("freehold:price_node_idle_watts", {}, flat(1900))


def _cost() -> Iterator[Series]:
    euro = {"currency": "EUR"}
    yield Series("freehold:hardware_cost_per_hour", euro, flat(14.14))
    yield Series("freehold:energy_cost_per_hour", euro, wave(0.9, 2.6))
    yield Series("freehold:cost_per_hour", euro, lambda at: 14.14 + 0.9 + 1.7 * load(at))
    for name, part in (("", 1.0), ("input_", 0.31), ("output_", 2.84)):
        yield Series(f"freehold:cost_per_million_{name}tokens:1h", euro, _price(part))
        yield Series(f"freehold:cost_per_million_{name}tokens:1d", euro, wave(part * 2.71, part * 2.62))
    yield Series("freehold:joules_per_token:ratio5m", {}, lambda at: 0.9 + 0.5 / load(at))
    yield Series("freehold:joules_per_token:ratio1h", {}, lambda at: 0.95 + 0.45 / load(at))
    yield from _of_nodes("freehold:node_joules_per_token:ratio5m", lambda n: lambda at: 0.9 + 0.5 / load(at, n))
    yield Series("freehold:gpu_power_watts:fleet", {}, wave(2800, 11200))
    yield from _of_nodes("freehold:gpu_power_watts", lambda n: wave(1400, 5600, n))
    yield from _of_nodes("freehold:gpu_utilisation:ratio", lambda n: wave(0.05, 0.97, n))
    yield from _of_nodes("freehold:gpu_memory_used:ratio", lambda n: wave(0.78, 0.86, n))


def _tokens() -> Iterator[Series]:
    for key, part in zip(KEYS, (0.2, 0.8), strict=True):
        for model, route, share in ((CHAT, "local", 1.0), (EMBEDDING, "local", 0.3), (CHAT, "frontier", 0.02)):
            for kind, rate in (("input", 2100.0), ("output", 640.0)):
                labels = {"key": key, "model": model, "type": kind, "route": route}
                yield Series("freehold:tokens:rate2m", labels, wave(0, rate * part * share))
    for status, rate in (("200", 9.0), ("429", 0.2), ("499", 0.1)):
        yield Series("freehold:requests:rate2m", {"model": CHAT, "status": status}, wave(0, rate))
    yield Series(
        "freehold:failed_requests:ratio5m", {"model": CHAT}, lambda at: 0.004 if -3 * HOUR < at < -2.6 * HOUR else 0.0
    )
    yield Series("freehold:frontier_token_share:ratio", {}, wave(0.012, 0.021))
    yield Series("freehold_frontier_share_cap", {}, flat(0.05))
    for period, spent, cap in (("day", 3.18, 10.0), ("month", 41.7, 150.0)):
        yield Series("freehold:frontier_spent_usd", {"period": period}, wave(spent * 0.8, spent))
        yield Series("freehold:frontier_cap_usd", {"period": period}, flat(cap))
    for kind in ("input", "output"):
        labels = {"model": "frontier-large", "provider": "example", "type": kind}
        yield Series("freehold_frontier_tokens_total", labels, rising(3.1))
    for outcome, reason, rate in (("local", "capable", 2.0), ("leaves", "asked", 0.02), ("refused", "over_cap", 0.001)):
        labels = {"model": "frontier-large", "outcome": outcome, "reason": reason}
        yield Series("freehold_frontier_decisions_total", labels, rising(rate))


def _engines() -> Iterator[Series]:
    for model, engine in MODELS.items():
        more = {"model": model, "engine": engine}
        yield from _of_nodes("freehold:prompt_tokens:rate2m", lambda n: wave(0, 1100, n), **more)
        yield from _of_nodes("freehold:completion_tokens:rate2m", lambda n: wave(0, 330, n), **more)
        yield from _of_nodes("freehold:requests_running", lambda n: lambda at: round(24 * load(at, n)), **more)
        yield from _of_nodes(
            "freehold:requests_waiting", lambda n: lambda at: max(0, round(30 * load(at, n) - 22)), **more
        )
        yield from _of_nodes("freehold:requests_open", lambda n: lambda at: round(25 * load(at, n)), model=model)
        for part, low, high in (("p50", 0.09, 0.22), ("p95", 0.2, 0.8)):
            yield Series(f"freehold:time_to_first_token_seconds:{part}_5m", {"model": model}, wave(low, high))
            yield Series(f"freehold:request_duration_seconds:{part}_5m", {"model": model}, wave(low * 12, high * 12))
        yield Series("freehold:time_per_output_token_seconds:p95_5m", {"model": model}, wave(0.011, 0.024))
    yield from _of_nodes("freehold:kv_cache_usage:ratio", lambda n: wave(0.1, 0.7, n), model=CHAT)
    yield from _of_nodes("freehold:prefix_cache_hits:ratio5m", lambda n: wave(0.3, 0.6, n), model=CHAT)


GAUGES: Mapping[str, tuple[float, float]] = {
    "DCGM_FI_DEV_GPU_TEMP": (38, 66), "DCGM_FI_DEV_MEMORY_TEMP": (44, 78), "DCGM_FI_DEV_GPU_UTIL": (4, 98),
    "DCGM_FI_DEV_FB_USED": (101000, 118000), "DCGM_FI_DEV_POWER_USAGE": (160, 690), "DCGM_FI_DEV_SM_CLOCK": (345, 1980),
}  # fmt: skip
CONSTANTS: Mapping[str, float] = {
    "DCGM_FI_DEV_FB_FREE": 25000, "DCGM_FI_DEV_MEM_CLOCK": 3201, "DCGM_FI_DEV_ENFORCED_POWER_LIMIT": 700,
    "DCGM_FI_DEV_CLOCKS_EVENT_REASONS": 0, "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS": 0, "DCGM_FI_DEV_XID_ERRORS": 0,
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": 0, "DCGM_FI_DEV_ROW_REMAP_FAILURE": 0,
    "DCGM_FI_DEV_ROW_REMAP_PENDING": 0,
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": 0, "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": 3, "freehold_gpu_lost": 0,
    "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL": 0, "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL": 0,
    "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL": 0, "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": 0,
    "freehold_gpu_recovery_action": 0, "freehold_gpu_fabric_state": 3, "freehold_gpu_nvlinks_active": 18,
    "freehold_gpu_ecc_enabled": 1, "freehold_gpu_sample_age_seconds": 2,
}  # fmt: skip


def _gpus() -> Iterator[Series]:
    for index, node in enumerate(NODES):
        for gpu in GPUS:
            labels = {"node": node, "gpu": str(gpu), "UUID": f"GPU-{node}-{gpu}", "job": "gpu"}
            for name, (low, high) in GAUGES.items():
                yield Series(name, labels, wave(low, high + gpu, index + gpu / 5))
            for name, value in CONSTANTS.items():
                yield Series(name, labels, flat(value))
            for way in ("sent", "received"):
                yield Series(f"freehold_gpu_nvlink_{way}_bytes_total", labels, rising(4e9, gpu))
            memory = {**labels, "service": "freehold-runtime@small-chat.service"}
            yield Series("freehold_gpu_process_memory_bytes", memory, flat(108e9))
        yield Series(
            "freehold_gpu_xid_total", {"node": node, "gpu": "3", "UUID": f"GPU-{node}-3", "xid": "63"}, flat(1)
        )
        for service, watts in (("freehold-runtime@small-chat.service", 3000.0), ("none", 500.0)):
            yield Series(
                "freehold_gpu_service_energy_joules_total", {"node": node, "service": service}, rising(watts, index)
            )


def _gateways() -> Iterator[Series]:
    yield from _of_nodes("freehold_gateway_refusals_total", lambda n: rising(0.01, n), reason="rate_limit")
    yield from _of_nodes("freehold_gateway_cut_answers_total", lambda n: rising(0.004, n), model=CHAT, by="client")
    for state in ("known", "resting"):
        yield from _of_nodes("freehold_gateway_replicas", always(2 if state == "known" else 0), state=state)
    for name, value in (("writable", 1.0), ("pending_rows", 0.0), ("lost_rows", 0.0)):
        yield from _of_nodes(f"freehold_ledger_{name}", always(value))
    yield Series("freehold_gateway_follower_seconds", {"node": "gpu1", "exported_node": "gpu2"}, flat(2))
    yield Series("freehold_gateway_follower_behind", {"node": "gpu1", "exported_node": "gpu2"}, flat(0))
    yield Series("freehold_gateway_authority_silent_seconds", {"node": "gpu2"}, wave(1, 4))


def _machines(now: float) -> Iterator[Series]:
    disk = {"mountpoint": "/", "fstype": "ext4", "device": "/dev/nvme0n1p2", "job": "node"}
    yield from _of_nodes("node_filesystem_size_bytes", lambda _: flat(3.8e12), **disk)
    yield from _of_nodes("node_filesystem_avail_bytes", lambda n: wave(2.1e12, 2.2e12, n), **disk)
    yield from _of_nodes("node_memory_MemTotal_bytes", lambda _: flat(2.1e12), job="node")
    yield from _of_nodes("node_memory_MemAvailable_bytes", lambda n: wave(1.6e12, 1.8e12, n), job="node")
    for name, value in (("probe_success", 1.0), ("probe_duration_seconds", 0.004)):
        yield from _of_nodes(name, always(value), job="blackbox", probe="gateway")
    yield from _of_nodes(
        "probe_ssl_earliest_cert_expiry", lambda _: flat(now + 71 * 86400), job="blackbox", probe="certificate"
    )
    yield from _of_nodes("freehold_drift_checked_timestamp_seconds", lambda _: lambda at: now + at - 120)
    for kind in ("missing", "changed", "unexpected"):
        yield from _of_nodes("freehold_drift_items", lambda _: flat(0), kind=kind)


CHECKS = {
    "weights_digest": "weights", "no_route_out": "data_path", "no_third_party_host": "data_path",
    "phone_home_switches": "runtime", "own_engine": "runtime", "own_gateway": "wrapper",
    "own_embeddings": "embedding_sidecar",
    "own_tunnel": "tunnel", "own_units": "supervisor",
}  # fmt: skip
OUTCOMES = ("ok", "fail", "unknown", "not_applicable")


def _sovereignty(now: float) -> Iterator[Series]:
    def is_blind(check: str, node: str, at: float) -> bool:
        return check == "no_route_out" and node == "gpu2" and -2.5 * HOUR < at < -1.75 * HOUR

    for node in NODES:
        for check, owned in CHECKS.items():
            for outcome in OUTCOMES:
                labels = {"node": node, "check": check, "subject": node, "owned": owned, "outcome": outcome}

                def course(at: float, check: str = check, node: str = node, outcome: str = outcome) -> float:
                    return float(outcome == ("unknown" if is_blind(check, node, at) else "ok"))

                yield Series("freehold:sovereignty_outcome", labels, course)
        yield Series("freehold_sovereignty_checked_timestamp_seconds", {"node": node}, lambda at: now + at - (at % 300))
    yield Series("freehold:sovereignty_failed:count", {}, flat(0))
    yield Series("freehold:sovereignty_unknown:count", {}, lambda at: float(is_blind("no_route_out", "gpu2", at)))
    for counter, rate in (("dropped_input", 0.02), ("dropped_mesh", 0.0), ("dropped_forward", 0.0)):
        yield from _of_nodes("freehold_firewall_dropped_packets_total", counted(rate), counter=counter)


WATCHERS = ("prometheus", "alertmanager", "blackbox_exporter", "dead_mans_switch")


def _watchers() -> Iterator[Series]:
    for job in ("node", "gpu", "gateway", "runtime"):

        def up(node: int, job: str = job) -> Course:
            return lambda at: 0.0 if job == "runtime" and node and -7 * HOUR < at < -6.6 * HOUR else 1.0

        yield from _of_nodes("up", up, job=job, instance=f"{job}:1")
        yield from _of_nodes("scrape_duration_seconds", lambda n: wave(0.004, 0.02, n), job=job, instance=f"{job}:1")
    for job in WATCHERS:
        yield Series("up", {"node": "gpu1", "job": job, "instance": job}, flat(1))
    more = {"node": "gpu1", "job": "prometheus"}
    for name, course in (
        ("prometheus_notifications_dropped_total", flat(0)), ("prometheus_notifications_sent_total", rising(0.02)),
        ("prometheus_rule_evaluation_failures_total", flat(0)), ("prometheus_tsdb_head_series", wave(5100, 5300)),
        ("prometheus_tsdb_storage_blocks_bytes", wave(2e8, 3e8)),
    ):  # fmt: skip
        yield Series(name, more, course)


def openmetrics(now: float, length: float, step: float) -> Iterator[str]:
    """The text that promtool makes blocks of; one name's series stand together, as the format wants."""
    by_name: dict[str, list[Series]] = {}
    for series in fleet(now):
        by_name.setdefault(series.name, []).append(series)
    moments = [-length + index * step for index in range(int(length / step) + 1)]
    for name, group in by_name.items():
        yield f"# TYPE {name} unknown\n"
        for series in group:
            labels = ",".join(f'{key}="{value}"' for key, value in series.labels.items())
            for at in moments:
                if (value := series.course(at)) is not None:
                    yield f"{name}{{{labels}}} {value:.12g} {now + at:.3f}\n"
    yield "# EOF\n"
