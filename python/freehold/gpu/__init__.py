"""What the GPUs of this machine say of themselves, read through NVML: facts only, no judgement."""
