"""The GPU exporter: NVML's facts for Prometheus, sampled at their own pace and served from memory."""
