"""The defaults of the status page's service and command, apart from their code so that their help costs nothing."""

DEFAULT_LISTEN = "127.0.0.1:9096"
DEFAULT_PROMETHEUS = "http://127.0.0.1:9090"
DEFAULT_FLEET = "fleet"
