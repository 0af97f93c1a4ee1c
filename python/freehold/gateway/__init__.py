"""The way in: OpenAI's protocol on one address, a key for each caller, tokens counted, nothing else let through."""
