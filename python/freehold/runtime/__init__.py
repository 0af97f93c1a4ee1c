"""The CPU engine of the inference runtime: llama.cpp in this process, supervised and behind the internal key."""
