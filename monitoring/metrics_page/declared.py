"""Names that are not in Freehold's own code: constants, what roles' templates write, what others' programs show.

Only what a rule or a panel reads is here; a name that is not is refused by the tests of both. Looked up 2026-11 on the
pages of the programs themselves: node exporter 1.5, Prometheus 2.42, Alertmanager 0.25, blackbox exporter 0.23 (Debian
12), xllamacpp 2026.10.11549, vLLM 0.32.
"""

from __future__ import annotations

from monitoring.metrics_page.described import Described as D  # noqa: N817  a table reads better with a short head

SITE = (
    D("freehold:declared_node", "1 for each node of the fleet that is not in maintenance", ("node",)),
    D("freehold:maintenance", "1 for each that is", ("node",)),
    D("freehold:declared_gpus", "the GPUs that a node has by the settings", ("node",)),
    D("freehold:simulated", "1 for each part that is not real", ("part",)),
    D("freehold:price_electricity_per_kwh", "tariff at the meter, before PUE", ("currency",)),
    D("freehold:price_node_purchase", "what a node cost", ("currency",)),
    D("freehold:price_node_years", "years over which that is spread"),
    D("freehold:price_pue", "power usage effectiveness: energy of the site for a joule of the nodes"),
    D("freehold:price_node_idle_watts", "what a whole idle node draws"),
)

CERTIFICATES = (
    D("freehold_tls_not_before_timestamp_seconds", "begin of the node's certificate", ("name",)),
    D("freehold_tls_not_after_timestamp_seconds", "end of the node's certificate", ("name",)),
)

VLLM = (
    D("vllm:prompt_tokens_total", "prompt tokens, those from the prefix cache too", ("model_name",), "counter"),
    D("vllm:generation_tokens_total", "tokens generated", ("model_name",), "counter"),
    D("vllm:num_requests_running", "requests in the engine's batches", ("model_name",)),
    D("vllm:num_requests_waiting", "requests that wait", ("model_name",)),
    D("vllm:kv_cache_usage_perc", "part of the KV cache in use; 1 is full, whatever the name says", ("model_name",)),
    D("vllm:prefix_cache_queries_total", "prompt tokens looked up in the prefix cache", ("model_name",), "counter"),
    D("vllm:prefix_cache_hits_total", "those that were there", ("model_name",), "counter"),
    D("vllm:request_prefill_time_seconds", "a request's time in prefill", ("model_name",), "histogram"),
    D("vllm:request_decode_time_seconds", "a request's time in decode", ("model_name",), "histogram"),
)

LLAMA_CPP = (
    D("llamacpp:prompt_tokens_total", "prompt tokens computed, without those from the cache", (), "counter"),
    D("llamacpp:prompt_tokens_cached_total", "prompt tokens from the cache", (), "counter"),
    D("llamacpp:tokens_predicted_total", "tokens generated", (), "counter"),
    D("llamacpp:prompt_seconds_total", "time in prefill", (), "counter"),
    D("llamacpp:tokens_predicted_seconds_total", "time in decode", (), "counter"),
    D("llamacpp:requests_processing", "requests at work"),
    D("llamacpp:requests_deferred", "requests that wait"),
    D("llamacpp:n_decode_total", "steps of decoding; its resets are restarts", (), "counter"),
)

DISK = ("device", "fstype", "mountpoint")

NODE_EXPORTER = (
    D("node_cpu_seconds_total", "time of each CPU by what it did", ("cpu", "mode"), "counter"),
    D("node_load1", "load of a minute"),
    D("node_memory_MemTotal_bytes", "memory"),
    D("node_memory_MemAvailable_bytes", "memory that a program could have"),
    D("node_vmstat_oom_kill", "programs that the kernel killed for memory", (), "counter"),
    D("node_filesystem_size_bytes", "size of a file system", DISK),
    D("node_filesystem_avail_bytes", "what is free for others than root", DISK),
    D("node_filesystem_files", "inodes", DISK),
    D("node_filesystem_files_free", "inodes that are free", DISK),
    D("node_filesystem_readonly", "1 where it is mounted read-only", DISK),
    D("node_filesystem_device_error", "1 where the kernel answered with an error", DISK),
    D("node_md_disks", "disks of an array by state", ("device", "state")),
    D("node_md_disks_required", "disks that it should have", ("device",)),
    D("node_edac_correctable_errors_total", "memory errors that ECC mended", ("controller",), "counter"),
    D("node_edac_uncorrectable_errors_total", "memory errors that it could not mend", ("controller",), "counter"),
    D("node_time_seconds", "the node's clock"),
    D("node_boot_time_seconds", "when it was booted"),
    D("node_timex_sync_status", "1 where somebody keeps the clock right"),
    D("node_textfile_scrape_error", "1 where a file of the textfile folder could not be read"),
    D("node_network_receive_bytes_total", "bytes in", ("device",), "counter"),
    D("node_network_transmit_bytes_total", "bytes out", ("device",), "counter"),
    D("node_uname_info", "kernel and name", ("release", "nodename")),
)

PROMETHEUS = (
    D("up", "1 where the last scrape of a target worked"),
    D("scrape_duration_seconds", "how long it took"),
    D("scrape_samples_scraped", "how many figures it brought"),
    D("ALERTS", "1 for each alert that is pending or firing", ("alertname", "alertstate", "severity")),
    D("ALERTS_FOR_STATE", "when each of them began (UNIX time)", ("alertname", "severity")),
    D("prometheus_build_info", "its version", ("version",)),
    D("prometheus_config_last_reload_successful", "1 where it took its newest settings"),
    D("prometheus_notifications_alertmanagers_discovered", "Alertmanagers that it knows"),
    D("prometheus_notifications_dropped_total", "alerts that it could not hand over", (), "counter"),
    D("prometheus_rule_evaluation_failures_total", "rules that failed", ("rule_group",), "counter"),
    D("prometheus_tsdb_head_series", "series in memory"),
    D("prometheus_tsdb_storage_blocks_bytes", "size of its history"),
    D("prometheus_tsdb_retention_limit_bytes", "the most of it; 0 for no limit"),
    D("prometheus_tsdb_wal_writes_failed_total", "writes to the log that failed", (), "counter"),
    D("prometheus_tsdb_wal_corruptions_total", "damage in the log", (), "counter"),
    D("prometheus_tsdb_compactions_failed_total", "compactions that failed", (), "counter"),
    D("prometheus_tsdb_head_truncations_failed_total", "truncations that failed", (), "counter"),
    D("prometheus_tsdb_reloads_failures_total", "reloads of history that failed", (), "counter"),
    D("prometheus_remote_storage_highest_timestamp_in_seconds", "the newest sample"),
    D(
        "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
        "the newest one that the long-term storage took; absent before the first",
        ("remote_name", "url"),
    ),
    D("prometheus_remote_storage_shards", "senders to the long-term storage", ("remote_name", "url")),
    D("alertmanager_config_last_reload_successful", "1 where Alertmanager took its newest settings"),
    D("alertmanager_notifications_failed_total", "messages not taken", ("integration",), "counter"),
    D("blackbox_exporter_config_last_reload_successful", "1 where the blackbox exporter took its newest settings"),
    D("probe_success", "1 where the probe had its answer"),
    D("probe_duration_seconds", "how long it took"),
    D("probe_ssl_earliest_cert_expiry", "when the first certificate of the chain ends; absent without a handshake"),
    D("process_start_time_seconds", "when a program was started"),
    D("process_cpu_seconds_total", "CPU time of a program", (), "counter"),
    D("process_resident_memory_bytes", "memory of a program"),
)
